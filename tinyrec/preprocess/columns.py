"""Which column is which: a table of text by position → a log under our names.

Names that logs are known to use are recognised; others have to be given. Nothing is guessed: a
table without a header is refused unless it is surely MovieLens's, with the command to type.
"""

import re
from typing import NamedTuple

import numpy as np
import polars as pl

from ..errors import InputError
from .events import NUMERIC
from .times import looks_like_time

SESSIONS = ["sessionid", "session", "usersession", "visitid", "visit"]
THINGS = """item article parentasin asin product sku video movie film track song book recipe
    business news anime game course listing hotel venue poi location content goods artist album"""
NAMES = {  # our name of a column: what logs call it, in small letters and digits; the first wins
    "user": """userid user uid customerid customer custid visitorid visitor clientid client
        memberid member accountid account reviewerid reviewer buyerid profileid playerid personid
        cookieid deviceid username 用户id 用户 """ + " ".join(SESSIONS),
    "item": " ".join(thing + "id" for thing in THINGS.split())
            + f" {THINGS} aid stockcode isbn 商品id 商品",
    "event": """event eventtype action actiontype behavior behaviortype behaviour behaviourtype
        interaction interactiontype type 行为""",
    "timestamp": """timestamp ts unixreviewtime datetime eventtime eventtimestamp eventdate time
        date createdat created reviewtime tdat timems orderdate purchasedate invoicedate
        transactiondate checkintime 时间戳 时间""",
    "title": """title itemtitle producttitle movietitle booktitle newstitle name itemname
        productname prodname trackname songname moviename artistname 标题""",
}  # fmt: skip
NAMES = {ours: names.split() for ours, names in NAMES.items()}
LOG = "user", "item"  # what a log needs
LONGEST = 5000  # letters of an id: every id of a log may come to cost as many as the longest
MOVIELENS = {"user": [0], "item": [1], "rating": [2], "timestamp": [3]}  # u.data, ratings.dat
MOVIELENS_TITLES = {"item": [0], "title": [1]}
GENRES = ["unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime",
          "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery",
          "Romance", "Sci-Fi", "Thriller", "War", "Western"]  # fmt: skip
MOVIELENS_GENRES = {  # by how many columns there are, behind the titles
    3: {"genres": [2]},  # movies.dat
    24: {genre: [5 + at] for at, genre in enumerate(GENRES)},  # u.item: 0 or 1
}


class Log(NamedTuple):
    columns: dict  # user, item and, where it has them, event, timestamp, title -> Series of str
    further: dict  # other columns by their own names
    called: dict  # user, item, … -> what the log calls it
    row: np.ndarray  # (n,) where each row stands in the file
    broken: list  # (row, what is wrong with it) of the rows left out
    dates: str | None = None  # "m/d/y" or "d/m/y", if that was said


def parse_columns(columns):
    """our name -> the log's name or number, of such a dict or of "user=visitorid,item=2"."""
    if isinstance(columns, str):
        pairs = [part.partition("=") for part in columns.split(",")]
        if not all(equals for _, equals, _ in pairs):
            raise InputError(f"--columns {columns}: write user=NAME,item=NAME,timestamp=NAME")
        columns = {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
    ours = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    return {ours.get(plain(name), name): str(theirs) for name, theirs in (columns or {}).items()}


def plain(name):
    """A column's name in small letters and digits: 'User-ID' and 'user_id:token' are userid."""
    name = re.sub(r":(token|float)(_seq)?$", "", name.strip().lower())
    return "".join(letter for letter in name if letter.isalnum())


def harmless(text):
    """The text on one line, without what a terminal would obey."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+", " ", text).strip()


def name_columns(table, source, columns, needed=LOG):
    """The Log whose columns bear our names; those `needed` have to be there."""
    frame, names, broken, separator = table
    if len(frame) == 0:
        raise InputError(f"{source}: no rows; name a log with at least one event")
    found, first = {}, [harmless(field) for field in frame.drop("row").row(0)]
    headless = names is None and not is_header(first, columns, needed)
    if headless:
        names = [f"column {number}" for number in range(1, len(frame.columns))]
        found = {} if columns else find_movielens(frame, separator, needed)
    elif names is None:
        names, frame = first, frame[1:]
    names = [harmless(name) for name in names]
    if len(frame) == 0:
        raise InputError(f"{source}: a header and no rows; name a file with at least one row")
    found = found or find_columns(frame, names, columns, needed, source)
    if not all(name in found for name in needed):
        names = first if headless else names
        refuse(frame, names, headless, found, needed, separator, source)
    if "user" in needed:
        frame = only_clicks(frame, str(found["item"][0]))
    texts = {name: join(frame, places) for name, places in found.items()}
    for name in {"user", "item"} & texts.keys():
        long = texts[name].str.len_chars()
        if long.max() > LONGEST:
            raise InputError(f"{source}, row {frame['row'][long.arg_max()]}: an {name} id of "
                             f"{long.max():,} letters; close a quote that opens in it, or take "
                             f"another column: --columns {name}=NAME")  # fmt: skip
    further = {name: texts.pop(name) for name in found if name not in NAMES}
    taken = {at for places in found.values() for at in places}
    for at, name in enumerate(names):
        if at not in taken:
            name = plain(name) if plain(name) in ("rating", "price") else name
            further[name if name not in further else f"{name} ({at + 1})"] = frame[str(at)]
    called = {name: " and ".join(names[at] for at in places) for name, places in found.items()}
    return Log(texts, further, called, frame["row"].to_numpy(), broken)


def is_header(names, columns, needed):
    """Does a first row hold names: such as were given, or known ones of all that is needed?"""
    given = any(theirs and not theirs.isdigit() for theirs in columns.values())
    known = {plain(name) for name in names}
    return given or all(known & set(NAMES[name]) for name in needed)


def find_movielens(frame, separator, needed):
    """our name -> positions, if a table without header is surely one of MovieLens's."""
    width = len(frame.columns) - 1
    numbers = [frame[str(at)].str.contains(r"^\d+$").all() for at in range(min(width, 4))]
    if "title" in needed:
        ids = numbers[0] and frame["0"].n_unique() == len(frame)
        if not ids or separator not in ("|", "\t", "::"):
            return {}
        return MOVIELENS_TITLES | MOVIELENS_GENRES.get(width, {})
    sure = width == 4 and separator in ("\t", "::") and numbers[0] and numbers[1]
    stars = sure and frame["2"].str.contains(r"^(0\.5|[1-4](\.[05])?|5(\.0)?)$").all()
    return MOVIELENS if stars and numbers[3] and looks_like_time(frame["3"]) else {}


def find_columns(frame, names, columns, needed, source):
    """our name -> positions: as given, else by the names that are known."""
    known = [plain(name) for name in names]
    found = {}
    for ours, theirs in columns.items():
        parts = [theirs] if theirs in names else theirs.split("+")
        found[ours] = [position(part, names, source) for part in parts if part]
    for ours, aliases in NAMES.items():
        if ours in found or (ours == "event" and "title" in needed):  # Action is a genre there
            continue
        taken = {at for places in found.values() for at in places}
        free = ["" if at in taken else name for at, name in enumerate(known)]
        aliases = [*aliases, "id"] if ours == "item" and "title" in needed else aliases
        hits = [alias for alias in aliases if alias in free]
        if hits and ours in needed and free.count(hits[0]) > 1:
            raise InputError(f"{source}, header: two columns are named {hits[0]}; "
                             f"say which by number: --columns {ours}=1")  # fmt: skip
        if hits:
            found[ours] = [free.index(hits[0])]
    if "timestamp" in found and "timestamp" not in columns:
        found["timestamp"] = date_and_clock(frame, known, found["timestamp"])
    return {ours: places for ours, places in found.items() if places}


def position(name, names, source):
    """Where a column stands, by its name or number."""
    if name in names:
        return names.index(name)
    alike = [plain(other) for other in names]
    if plain(name) in alike:
        return alike.index(plain(name))
    if name.isdigit() and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise InputError(f"{source}, header: no column {name!r}; found {', '.join(names)!r}")


def date_and_clock(frame, known, places):
    """The places of a date and of the clock beside it, where they stand in two columns."""
    stem = known[places[0]].removesuffix("date").removesuffix("time")
    if stem + "date" in known and stem + "time" in known:
        date, clock = known.index(stem + "date"), known.index(stem + "time")
        if frame[str(clock)].str.contains(r"^\d{1,2}:\d\d").any():
            return [date, clock]
    return places


def join(frame, places):
    """One column of text from one or several, with a blank between."""
    if len(places) == 1:
        return frame[str(places[0])]
    return frame.select(pl.concat_str([str(at) for at in places], separator=" ")).to_series()


def only_clicks(frame, item):
    """MIND's impressions 'N1-0 N2-1 N3-1' become a row for each click: N2, N3."""
    shown = frame[item]
    several = shown.head(1000).str.contains(" ").any()
    if not (several and shown.head(1000).str.contains(r"^(\S+-[01]( |$))+$").all()):
        return frame
    frame = frame.with_columns(pl.col(item).str.split(" ")).explode(item)
    clicks = frame.filter(pl.col(item).str.ends_with("-1"))
    return clicks.with_columns(pl.col(item).str.strip_suffix("-1"))


def understood(log, written, numeric):
    """In one line which column was taken for what; `written`: in words how times were, or None."""
    notes = {"timestamp": f" ({written})"}
    if plain(log.called["user"]) in SESSIONS:
        notes["user"] = " (each session is a user)"
    words = [f"{'time' if name == 'timestamp' else name} = {log.called[name]}{notes.get(name, '')}"
             for name in NAMES if name in log.called]  # fmt: skip
    if written is None:
        words.append("no time: order of the file")
        times = [name for name, text in log.further.items() if looks_like_time(text)]
        words += [f"({name} looks like one: --columns timestamp={name})" for name in times[:1]]
    words += [f"numbers = {', '.join(numeric)}"] if numeric else []
    gaps = [name for name in NUMERIC if name in numeric and np.isnan(numeric[name]).any()]
    words += [f"gaps in {' and '.join(gaps)} = the mean and a flag"] if gaps else []
    unused = [name for name in log.further if name not in numeric]
    words += [f"{len(unused)} not used: {', '.join(unused)}"] if unused else []
    return ", ".join(words)


def unlike_ids(text):
    """How little a column looks like ids, to sort by: they have no decimals, and come again."""
    return text.str.contains(r"^-?\d+\.\d").all(), text.n_unique() == len(text)


def refuse(frame, names, headless, found, needed, separator, source):
    """Raises InputError with the command to type instead."""
    if "title" in needed:
        raise InputError(f"{source}: two columns must be named item and title; the first row "
                         f"is {separator.join(names)[:100]!r}")  # fmt: skip
    guess = find_columns(frame, names, {}, needed, source) | found  # a header known in part
    guess = {name: places[0] for name, places in guess.items() if name in (*needed, "timestamp")}
    missing = " and ".join(name for name in needed if name not in guess) or "columns"
    texts = {at: frame[str(at)][headless:] for at in range(len(names)) if at not in guess.values()}
    times = [at for at, text in texts.items() if looks_like_time(text)]
    others = sorted(texts.keys() - set(times), key=lambda at: unlike_ids(texts[at]))
    guess |= dict(zip((name for name in needed if name not in guess), others, strict=False))
    guess = dict(zip(["timestamp"], times, strict=False)) | guess
    guess = {name: guess[name] for name in (*needed, "timestamp") if name in guess}
    by_name, by_number = (
        "--columns " + ",".join(f"{name}={label[at]}" for name, at in guess.items())
        for label in (names, range(1, len(names) + 1))
    )
    advice = by_number
    if not headless:
        advice = by_name
    elif all(re.match(r"[^\W\d]", name) for name in names):
        advice = f"{by_name}, or if this is no header {by_number}"
    elif "timestamp" not in guess and separator in ", ":
        blanks = "put blanks between them" if separator == "," else "--force"
        advice += f", or if a row is one user's items {blanks}"
    where = f"row {frame['row'][0]}" if headless else "header"
    shown = separator.join(names)[:100]
    raise InputError(f"{source}, {where}: '{shown}' does not name the {missing}; type {advice}")
