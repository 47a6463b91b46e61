"""Clean a behaviour log (article §3.2.1, steps 1 and 2).

    path or table --read.py--> columns of text --clean--> Events: numbers

Text is numbered first; then each cleaning rule is one function that says in NumPy which of the
n rows it strikes. Tables are dicts: column name -> n values.
"""

import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import InputError

MISSING = ["", "NA", "N/A", "n/a", "NULL", "null", "None", "nan", "NaN", r"\N", "<NA>"]
NUMERIC = ("rating", "price")  # should be numbers; other columns may be
MANY = 1 / 20  # losing more of a log's rows than this has to be asked for
BOT_EVENTS = 1000
PRICE_FACTOR = 100


@dataclass(frozen=True)
class Events:
    """A clean log: n events sorted by user, then time; see in_order for equal times."""

    user: np.ndarray  # (n,) int32, index into users
    item: np.ndarray  # (n,) int32, index into items
    kind: np.ndarray  # (n,) int32, index into kinds
    time: np.ndarray | None  # (n,) float64, seconds since 1970 (UTC); None: the log has no times
    users: np.ndarray  # raw ids (str objects) as written, in order of first appearance
    items: np.ndarray  # raw ids (str objects) as written: '007' is not '7'
    kinds: tuple[str, ...]  # ("event",) where the log names none
    numeric: dict[str, np.ndarray]  # rating, price, …: (n,) float64, NaN where missing
    titles: dict[str, str]  # raw item id -> title; {} where unknown
    report: tuple[tuple[str, int], ...]  # each cleaning rule and how many rows it struck
    understood: str = ""  # which column was taken for what, in a line
    texts: dict[str, str] = field(default_factory=dict)  # raw item id -> all that is said of it


def read_events(source, items=None, columns=None, keep_na=False, strict=False, force=False):
    """The clean Events of a file or table; `items` is a file or table of titles,
    and of what else is known of the items.

    columns: {"user": "visitorid", "item": 2, …}, by name or by number, where names are not
    known; "dates": "m/d/y" or "d/m/y" settles dates that can be read both ways. keep_na: only
    an empty id is missing, NA is one. strict: a broken row is an error, else it is left out.
    force: go on where more than one row in twenty cannot be used. Raises InputError.
    """
    from .read import read_items, read_log  # and with it polars, only when something is read

    log = read_log(source, columns, strict, force)
    events = clean(log, source if isinstance(source, (str, Path)) else "the table", keep_na, force)
    if items is None:
        return events
    (titles, texts, further), report = read_items(items), events.report
    if further:
        report += ((f"items whose text has their {', '.join(further)}", len(texts)),)
    if titles.keys().isdisjoint(events.items):
        example = next(iter(titles), "")
        report += ((f"titles found: of {items} no id, such as {example!r:.60}, is in the log", 0),)
    return replace(events, titles=events.titles | titles, texts=texts, report=report)


def clean(log, source="the log", keep_na=False, force=False):
    """Events from a read.Log, or from a dict of columns of text.

    Rules that need times, several kinds of event or numbers are applied, and reported, only
    where there are such. `source` names the log in messages.
    """
    from .columns import name_columns, understood
    from .read import encode, read_table
    from .times import to_seconds

    if isinstance(log, dict):
        log = name_columns(read_table(log)[0], source, {})
    missing = [""] if keep_na else MISSING
    report = [(f"broken rows left out, the first is row {row}: {wrong}", len(log.broken))
              for row, wrong in log.broken[:1]]  # fmt: skip
    user, users = encode(log.columns["user"])
    item, items = encode(log.columns["item"])
    kind, kinds = np.zeros(len(user), np.int32), np.array(["event"], object)
    if "event" in log.columns:
        text = log.columns["event"]
        kind, kinds = encode(text.set(text.is_in(MISSING), "event"))
    titles = find_titles(log, missing, report)
    table = {"at": np.arange(len(user), dtype=np.int32), "user": user, "item": item, "kind": kind}

    no_user, no_item = np.isin(users, missing)[user], np.isin(items, missing)[item]
    check_share(no_user, "user", log, source, force)
    check_share(no_item, "item", log, source, force)
    rule = "rows with a missing user or item id removed"
    table = drop(table, no_user | no_item, rule, report)
    written = None
    if "timestamp" in log.columns:
        time, written = to_seconds(log.columns["timestamp"], log.dates, source)
        check_share(np.isnan(time), "timestamp", log, source, force)
        table["time"] = time[table["at"]]
        unreadable = np.isnan(table["time"])
        table = drop(table, unreadable, "rows with an unreadable time removed", report)
    if len(table["at"]) == 0:
        struck = ", ".join(f"{count:,} {rule}" for rule, count in report if count)
        raise InputError(f"{source}: no row is left, {struck}; name other columns")
    log.columns.clear()  # in numbers now, and large
    table = in_order(table, users, items)
    if written:
        table = drop(table, is_duplicate(table, log), "exact duplicates removed", report)
    several_kinds = np.ptp(table["kind"]) > 0
    if several_kinds:
        table = drop(table, is_bot(table), "events of bots removed", report)
    if written:
        tied = is_tied(table)
        share = f"events at the same time as another of their user ({tied.mean():.0%})"
        report.append((f"{share}: ordered by a hash of the ids", int(tied.sum())))

    numeric = read_numbers(table, log, report)
    user, users = renumber(table["user"], users)
    item, items = renumber(table["item"], items)
    kind, kinds = renumber(table["kind"], kinds)
    events = Events(
        user=user, item=item, kind=kind, time=table.get("time"), users=users, items=items,
        kinds=tuple(kinds), numeric=numeric, titles=titles, report=tuple(report),
        understood=understood(log, written, numeric),
    )  # fmt: skip
    return merge_steps(events) if several_kinds else events


def check_share(struck, name, log, source, force):
    """Raises InputError if a rule strikes all rows (n,) bool, or unasked more than MANY of them.

    Rows without an id are only in question where another column could hold it.
    """
    from .columns import NAMES, plain

    count, n = int(struck.sum()), len(struck)
    others = [other for other in log.further if plain(other) in NAMES[name]]
    in_question = count > MANY * n and not force and (others or name == "timestamp")
    if in_question or count == n:
        first = int(struck.argmax())
        value, row = log.columns[name][first], log.row[first]
        lack = "no time that can be read" if name == "timestamp" else f"no {name}"
        advice = f"take another column: --columns {name}={others[0] if others else 'NAME'}"
        go_on = "" if count == n else ", or leave them out: --force"
        raise InputError(f"{source}, row {row}: {value!r:.60}, one of {count:,} rows of {n:,} "
                         f"that have {lack}; {advice}{go_on}")  # fmt: skip


def drop(table, struck, rule, report):
    """The table without the rows (n,) bool a rule strikes; the report gains their count."""
    report.append((rule, int(struck.sum())))
    return take(table, ~struck) if struck.any() else table


def in_order(table, users, items):
    """Sorted by user, then time; at equal times by a hash of the two ids, then as in the file.

    A file may be sorted by item: its order among equal times would tell what comes next.
    """
    if "time" not in table:
        return take(table, np.argsort(table["user"], kind="stable"))
    order = np.argsort(table["time"])
    order = order[np.argsort(table["user"][order], kind="stable")]
    table = take(table, order)
    rows = np.flatnonzero(is_tied(table))
    tied = take(table, rows)
    tie = hashes(users)[tied["user"]] ^ hashes(items)[tied["item"]]
    tie *= np.uint64(0x9E3779B97F4A7C15)  # mixes the bits
    tied = take(tied, np.lexsort((tied["at"], tie, tied["time"], tied["user"])))
    for name, column in table.items():
        column[rows] = tied[name]
    return table


def take(table, rows):
    return {name: column[rows] for name, column in table.items()}


def hashes(names):
    return np.array([zlib.crc32(name.encode()) for name in names], np.uint64)


def is_tied(table):
    """(n,) bool: does a neighbouring row have the same user and time?"""
    same = (np.diff(table["user"]) == 0) & (np.diff(table["time"]) == 0)
    return np.append(same, False) | np.append(False, same)


def is_duplicate(table, log):
    """(n,) bool: does an earlier row hold the same values in all columns? n rows in order."""
    from .read import encode

    rows = np.flatnonzero(is_tied(table))  # others cannot be
    columns = [table[name][rows] for name in ("user", "time", "item", "kind")]
    columns += [encode(text.gather(table["at"][rows]))[0] for text in log.further.values()]
    order = np.lexsort(columns)  # equal rows come together, the earlier one first
    same = [column[order[1:]] == column[order[:-1]] for column in columns]
    duplicate = np.zeros(len(table["at"]), bool)
    duplicate[rows[order[1:][np.all(same, axis=0)]]] = True
    return duplicate


def is_bot(table):
    """(n,) bool: events of users with very many events, all of the log's most frequent kind."""
    user, kind = table["user"], table["kind"]
    usual = kind == np.bincount(kind).argmax()
    events_of = np.bincount(user)
    usual_of = np.bincount(user[usual], minlength=len(events_of))
    bots = (events_of > BOT_EVENTS) & (usual_of == events_of)
    return bots[user]


def renumber(codes, names):
    """The codes (n,) and names without those that no row has any more."""
    used = np.bincount(codes, minlength=len(names)) > 0
    return (np.cumsum(used, dtype=np.int32) - 1)[codes], names[used]


def find_titles(log, missing, report):
    """raw item id -> title, of several the last; {} where titles are not the items' own."""
    from .columns import harmless

    if "title" not in log.columns:
        return {}
    item, title = log.columns["item"], log.columns["title"]
    known = ~item.is_in(missing) & (title != "")
    pairs = item.to_frame("item").with_columns(title.alias("title")).filter(known)
    pairs = pairs.unique(maintain_order=True, keep="last")
    titles = {item: harmless(title) for item, title in pairs.iter_rows()}
    if len(pairs) > 2 * len(titles):
        called = log.called["title"]
        report.append((f"titles read: {called} differs between rows of the same item", 0))
        return {}
    return titles


def read_numbers(table, log, report):
    """The numeric columns: name -> (n,) float64, NaN where missing or impossible.

    Numeric is a column most of whose values are numbers. Others are not used: rating and price,
    which should be, with a word.
    """
    from .columns import plain
    from .times import as_numbers

    numeric = {}
    for name, text in log.further.items():
        if plain(name).endswith("id") or name.startswith("column "):
            continue
        values = as_numbers(text)[table["at"]]
        values[np.isinf(values)] = np.nan
        written = ~text.is_in(MISSING).to_numpy()[table["at"]]
        good = is_possible_price(values, table["item"]) if name == "price" else ~np.isnan(values)
        bad = written & ~good
        if name in NUMERIC and written.any() and not good.any():
            example = text[int(table["at"][bad.argmax()])]
            report.append((f"values of {name} usable, {example!r:.60} is not: left out", 0))
        elif good.any() and (name in NUMERIC or (~np.isnan(values)).sum() > written.sum() / 2):
            adjective = "impossible" if name == "price" else "unreadable"
            report.append((f"{adjective} values of {name} blanked", int(bad.sum())))
            numeric[name] = np.where(good, values, np.nan)
    return numeric


def is_possible_price(price, item):
    """(n,) bool: above zero, and at most PRICE_FACTOR times the item's median price."""
    rows = np.flatnonzero(price > 0)
    rows = rows[np.lexsort((price[rows], item[rows]))]  # each item's prices, ascending
    items, first, count = np.unique(item[rows], return_index=True, return_counts=True)
    middle = (price[rows[first + (count - 1) // 2]] + price[rows[first + count // 2]]) / 2
    most = np.zeros(item.max(initial=0) + 1)
    most[items] = PRICE_FACTOR * middle
    return (price > 0) & (price <= most[item])


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
        numeric[name] = np.full(is_first.sum(), np.nan)
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
