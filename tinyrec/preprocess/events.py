"""Read a behaviour log and clean it (article §3.2.1, steps 1 and 2).

    file --read_rows--> rows: text, as written --clean--> Events: numbers

Whatever is wrong with the file raises InputError, which names file, row and column.
Tables are dicts: column name -> n values.
"""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite, isnan, nan

import numpy as np

from ..errors import InputError

ALIASES = {  # our name of a column: what logs call it; the first one found is taken
    "user": "user user_id userid customer customer_id customerid",
    "item": "item item_id itemid movie_id movieid product_id productid movie product",
    "event": "event event_type eventtype action behavior behaviour",
    "timestamp": "timestamp ts datetime event_time time date",
    "title": "title item_title movie_title product_name name",
}
RATINGS = ("user", "item", "rating", "timestamp")  # MovieLens: u.data, ratings.dat
TITLES = ("item", "title")  # MovieLens: u.item, movies.dat
NUMERIC = ("rating", "price")  # must be numbers; other columns may be

BOT_EVENTS = 1000
PRICE_FACTOR = 100
LARGEST_SECONDS = 1e11  # the year 5138; a larger number counts milliseconds


@dataclass(frozen=True)
class Events:
    """A clean log: n events sorted by user, then time; file order breaks ties."""

    user: np.ndarray  # (n,) int32, index into users
    item: np.ndarray  # (n,) int32, index into items
    kind: np.ndarray  # (n,) int32, index into kinds
    time: np.ndarray | None  # (n,) float64, seconds since 1970 (UTC); None: the log has no times
    users: np.ndarray  # raw ids (str) exactly as written, in order of first appearance
    items: np.ndarray  # raw ids (str) exactly as written: '007' is not '7'
    kinds: tuple[str, ...]  # ("event",) where the log names none
    numeric: dict[str, np.ndarray]  # rating, price, …: (n,) float64, NaN where missing
    titles: dict[str, str]  # raw item id -> title; {} where unknown
    report: tuple[tuple[str, int], ...]  # each cleaning rule and how many rows it struck


def read_events(path, items=None):
    """The clean Events of a log; `items` is a file of titles (see read_titles)."""
    events = clean(read_rows(path), source=path)
    titles = read_titles(items) if items else {}
    return replace(events, titles=events.titles | titles)


def read_rows(path):
    """The raw table of str, plus "row": where each row stands in the file (int).

    The first line decides the format: a header (comma, semicolon or tab), MovieLens ratings
    (tab or ::, no header), or a sequence: item ids separated by blanks, one user a line.
    """
    text = read_text(path)
    if find_delimiter(text):
        return read_table(path, text, RATINGS)
    return read_sequences(path, text)


def read_titles(path):
    """raw item id -> title, from a table with a header or MovieLens's u.item or movies.dat."""
    text = read_text(path, other_encoding="latin-1")
    return find_titles(read_table(path, text, TITLES))


def read_text(path, other_encoding=None):
    """The whole file, unzipped if need be, as UTF-8 or else in the other encoding, if given."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}; check the name and the file") from None
    if b"\0" in data:
        raise InputError(f"{path}: not a text file; save the log as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if other_encoding is None:
            row = data.count(b"\n", 0, error.start) + 1
            raise InputError(f"{path}, row {row}: not UTF-8 text; save it as UTF-8") from None
        text = data.decode(other_encoding)
    if not text.strip():
        raise InputError(f"{path}: the file is empty; name one with at least one row")
    return text


def find_delimiter(text):
    """What separates the fields of the first line; None if nothing but blanks does."""
    line = text.strip().partition("\n")[0]
    if "::" in line:
        return "::"
    most_frequent = max("\t;,|", key=line.count)
    return most_frequent if most_frequent in line else None


def our_names(header):
    """The header's names in lower case, those in ALIASES replaced by ours."""
    names = [name.strip().lower().replace(" ", "_") for name in header]
    for ours, aliases in ALIASES.items():
        found = [alias for alias in aliases.split() if alias in names]
        if found:
            names[names.index(found[0])] = ours
    return names


def read_sequences(path, text):
    """Line 1 holds the items of user "1", line 2 those of user "2", and so on."""
    rows = {"user": [], "item": [], "row": []}
    for number, line in enumerate(text.split("\n"), start=1):
        items = line.split()
        rows["user"] += [str(number)] * len(items)
        rows["item"] += items
        rows["row"] += [number] * len(items)
    first_line = our_names(text.split("\n", 1)[0].split())
    if "user" in first_line or "item" in first_line:
        found = ", ".join(first_line)
        raise InputError(f"{path}, row 1: a header of {found}; name user and item, with commas")
    return rows


def read_table(path, text, names):
    """Rows of delimited text. `names`: its columns if there is no header; the first two must be.

    Without a header, a tab, | or :: separates the fields and the first one is a number.
    """
    delimiter = find_delimiter(text) or ","
    quoting = csv.QUOTE_NONE if delimiter in ("::", "|") else csv.QUOTE_MINIMAL
    if delimiter == "::":
        text, delimiter = text.replace("::", "\t"), "\t"
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    records, numbers = [], []
    try:
        for record in reader:
            if len(record) > 1 or "".join(record).strip():
                records.append(record)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: {error}; correct the row") from None

    if delimiter in "\t|" and records[0][0].isdigit():
        header = [*names, *[""] * (len(records[0]) - len(names))]
    else:
        header = our_names(records.pop(0))
        numbers.pop(0)
    check_table(path, header, names[:2], records, numbers)
    columns = zip(header, zip(*records, strict=True), strict=True)
    return {name: list(column) for name, column in columns if name} | {"row": numbers}


def check_table(path, header, needed, records, numbers):
    """Raises InputError unless the header has what is needed and every row fits it."""
    for name in needed:
        if header.count(name) != 1:
            found = ", ".join(header)
            raise InputError(f"{path}, header: one column must be named {name}; found {found}")
    if not records:
        raise InputError(f"{path}: a header and no rows; name a file with at least one row")
    width = len(header)
    for record, row in zip(records, numbers, strict=True):
        if len(record) != width:
            counts = f"{len(record)} fields where {width} are expected"
            raise InputError(f"{path}, row {row}: {counts}; correct the row")


def clean(rows, source="the log"):
    """Events from raw rows; `source` names them in messages.

    Rules that need times, several kinds of event or numbers are applied, and reported, only
    where the log has them. An empty kind is called "event". A column becomes numeric if most
    of its written values are numbers; other columns, and those never filled in, are ignored.
    """
    n = len(rows["user"])
    if n == 0:
        raise InputError(f"{source}: no rows; name a log with at least one event")
    defaults = {"row": range(1, n + 1), "event": ["event"] * n, "title": [""] * n}
    table = {name: np.array(column, object) for name, column in (defaults | rows).items()}
    table["event"][is_blank(table["event"])] = "event"
    report = []
    table = drop_missing_ids(table, report, source)
    if "timestamp" in table:
        table = drop_unreadable_times(table, report, source)
        table = drop(table, is_duplicate(table), "exact duplicates removed", report)
    several_kinds = len(set(table["event"])) > 1
    if several_kinds:
        table = drop(table, is_bot(table), "events of bots removed", report)
    user, users = encode(table["user"])
    item, items = encode(table["item"])
    kind, kinds = encode(table["event"])
    time = table["timestamp"].astype(float) if "timestamp" in table else None
    numeric = read_numbers(table, item, report, source)
    order = np.argsort(user, kind="stable") if time is None else np.lexsort((time, user))
    events = Events(
        user=user[order],
        item=item[order],
        kind=kind[order],
        time=None if time is None else time[order],
        users=np.array(users),
        items=np.array(items),
        kinds=tuple(kinds),
        numeric={name: values[order] for name, values in numeric.items()},
        titles=find_titles(table),
        report=tuple(report),
    )
    return merge_steps(events) if several_kinds else events


def drop_missing_ids(table, report, source):
    no_user, no_item = is_blank(table["user"]), is_blank(table["item"])
    missing = no_user | no_item
    need_some(~missing, table, "user" if no_user[0] else "item", source)
    return drop(table, missing, "rows with a missing user or item id removed", report)


def drop_unreadable_times(table, report, source):
    """Also turns the times into numbers."""
    time = np.array([to_seconds(text) for text in table["timestamp"]])
    unreadable = np.isnan(time)
    need_some(~unreadable, table, "timestamp", source)
    table = table | {"timestamp": time}
    return drop(table, unreadable, "rows with an unreadable time removed", report)


def drop(table, bad, rule, report):
    """The table without its bad rows (n,) bool; the report gains the rule and its count."""
    report.append((rule, int(bad.sum())))
    return select(table, ~bad)


def select(table, rows):
    return {name: column[rows] for name, column in table.items()}


def need_some(good, table, name, source):
    """Raises InputError, quoting the first row, if no row's value is good (n,) bool."""
    if not good.any():
        row, value = table["row"][0], table[name][0]
        seen = f"{value!r} cannot be used, nor can any other row"
        raise InputError(f"{source}, row {row}, column {name}: {seen}; correct the column")


def is_blank(column):
    return np.array([not text.strip() for text in column])


def is_duplicate(table):
    """(n,) bool: does an earlier row hold the same values in all columns?"""
    columns = [column for name, column in table.items() if name != "row"]
    first = {}
    records = enumerate(zip(*columns, strict=True))
    return np.array([first.setdefault(record, row) != row for row, record in records])


def is_bot(table):
    """(n,) bool: events of users with very many events, all of the log's most frequent kind."""
    user, users = encode(table["user"])
    kind, _ = encode(table["event"])
    usual = kind == np.bincount(kind).argmax()
    events_of = np.bincount(user)
    usual_of = np.bincount(user[usual], minlength=len(users))
    bots = (events_of > BOT_EVENTS) & (usual_of == events_of)
    return bots[user]


def encode(column):
    """Numbers the names: (n,) int32 codes, and the names in order of first appearance."""
    codes = {}
    encoded = [codes.setdefault(name, len(codes)) for name in column]
    return np.array(encoded, np.int32), list(codes)


def to_number(text):
    try:
        number = float(text)
    except ValueError:
        return nan
    return number if isfinite(number) else nan


def to_seconds(text):
    """Seconds since 1970 of unix seconds, milliseconds or ISO 8601 (UTC unless it says)."""
    seconds = to_number(text)
    if isnan(seconds):
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return nan
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    if seconds > LARGEST_SECONDS:
        seconds /= 1000
    return seconds if abs(seconds) <= LARGEST_SECONDS else nan


def find_titles(rows):
    """raw item id -> title; of several titles, the last."""
    pairs = zip(rows["item"], rows["title"], strict=True)
    return {item: title for item, title in pairs if title.strip()}


def read_numbers(table, item, report, source):
    """The numeric columns: name -> (n,) float64, NaN where missing or impossible."""
    numeric = {}
    for name in [name for name in table if name not in ("row", *ALIASES)]:
        values = np.array([to_number(text) for text in table[name]])
        written = ~is_blank(table[name])
        expected = name in NUMERIC and written.any()
        mostly_numbers = np.sum(~np.isnan(values)) > written.sum() / 2
        if not (expected or mostly_numbers):
            continue
        good = is_possible_price(values, item) if name == "price" else ~np.isnan(values)
        need_some(good[written], select(table, written), name, source)
        bad = written & ~good
        adjective = "impossible" if name == "price" else "unreadable"
        report.append((f"{adjective} values of {name} blanked", int(bad.sum())))
        numeric[name] = np.where(bad, nan, values)
    return numeric


def is_possible_price(price, item):
    """(n,) bool: above zero, and at most PRICE_FACTOR times the item's median price."""
    possible = price > 0
    if not possible.any():
        return possible
    rows = np.flatnonzero(possible)
    rows = rows[np.argsort(item[rows])]
    next_item = np.flatnonzero(np.diff(item[rows])) + 1
    for same in np.split(rows, next_item):
        possible[same] = price[same] <= PRICE_FACTOR * np.median(price[same])
    return possible


def merge_steps(events):
    """Consecutive events of one user on one item (view, cart, buy, rate) become one step.

    It keeps the first event's time, the last one's kind, and each column's last known value.
    """
    changes = (np.diff(events.user) != 0) | (np.diff(events.item) != 0)
    is_first = np.append(True, changes)
    is_last = np.append(changes, True)
    step = np.cumsum(is_first) - 1  # (n,) the step of each event
    numeric = {}
    for name, values in events.numeric.items():
        known = ~np.isnan(values)
        numeric[name] = np.full(is_first.sum(), nan)
        numeric[name][step[known]] = values[known]  # of several, the last one stays
    merged = ("events merged into the step before them", int(np.sum(~is_first)))
    return replace(
        events,
        user=events.user[is_first],
        item=events.item[is_first],
        kind=events.kind[is_last],
        time=None if events.time is None else events.time[is_first],
        numeric=numeric,
        report=(*events.report, merged),
    )
