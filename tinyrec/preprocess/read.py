"""Files and tables → columns of text (article §3.2.1, step 1).

    path --unpack--> bytes --from_bytes--> Table --columns.py--> Log: columns under our names

polars takes the formats apart; decided here is what becomes of a row that does not fit.
Whatever is wrong raises InputError: the file, the row, what to do.
"""

import csv
import gzip
import io
import json
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from ..errors import InputError
from .columns import LOG, NAMES, harmless, is_header, name_columns, parse_columns, plain
from .events import MANY

FIELD = "\x1f"  # ASCII's own sign between fields
BLANKS = "".join(letter for letter in map(chr, range(0x3001)) if letter.isspace())
DEEP = 100  # lines of one field in quotes: with more of them a quote is likely to be a stray one
PROCESS = os.getpid()  # that has polars' threads; one that is forked from it has none
NOT_WORDS = ("id", "url", "link", "image", "date", "time")  # how names of such columns end


class Table(NamedTuple):
    frame: pl.DataFrame  # columns "0", "1", … of trimmed text; "row", where each row stands
    names: list | None = None  # of the columns; None: the first row may hold them
    broken: list = ()  # (row, what is wrong with it) of the rows left out
    separator: str = ""  # what stood between the fields


class Items(NamedTuple):
    titles: dict  # raw item id -> title, where it has one
    texts: dict  # raw item id -> the title and what the further columns say
    further: list  # the names of these


def read_log(source, columns=None, strict=False, force=False):
    """The Log of a file, a table (pandas, polars, Arrow) or a dict of columns."""
    columns = parse_columns(columns)
    dates = columns.pop("dates", None)
    log = name_columns(*read_table(source, columns, force), columns)._replace(dates=dates)
    count = len(log.broken)
    if count and (strict or (count > MANY * len(log.row) and not force)):
        row, wrong = log.broken[0]
        every = f", one of {count:,} broken rows" if count > 1 else ""
        advice = "leave out --strict" if strict else "leave such rows out with --force"
        raise InputError(f"{source}, row {row}: {wrong}{every}; correct it, or {advice}")
    return log


def read_titles(source):
    """raw item id -> title, as `read_items` finds them."""
    return read_items(source).titles


def read_items(source):
    """The Items of a table or a file, also MovieLens's u.item or movies.dat."""
    needed = "item", "title"
    found = name_columns(*read_table(source, {}, True, needed), {}, needed)
    columns, further = found.columns, in_words(found.further)
    pairs = zip(columns["item"], columns["title"], strict=True)
    titles = {item: harmless(title) for item, title in pairs if title}
    rows = zip(columns["title"], *further.values(), strict=True)
    texts = [" ".join(text for text in row if text) for row in rows]
    texts = {item: harmless(text) for item, text in zip(columns["item"], texts, strict=True)}
    return Items(titles, texts, [*further])


def in_words(columns):
    """Those of an items file's further columns that say something in words, or in numbers: these
    with one digit and zeros, so that prices that are alike read the same; of a column of 0 and 1,
    such as a genre's, the name where it is 1.
    """
    said = {}
    for name, text in columns.items():
        if name.startswith("column ") or plain(name).endswith(NOT_WORDS):
            continue
        numbers = text.cast(pl.Float64, strict=False)
        if set(text) <= {"0", "1", ""}:
            text = [name if flag == "1" else "" for flag in text]
        elif numbers.is_not_null().sum() > 0.5 * (text != "").sum():
            text = ["" if n is None else f"{name} {float(f'{n:.0e}'):g}" for n in numbers]
        if any(text):
            said[name] = text
    return said


def encode(text):
    """Numbers the texts of a Series: (n,) int32 codes, and each text once, as first met."""
    distinct = text.unique(maintain_order=True)
    codes = text.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int32)
    return codes, distinct.to_numpy().astype(object)


def read_table(source, columns=(), force=False, needed=LOG):
    """The Table of a file or of a table in memory, and its name for messages."""
    if os.getpid() != PROCESS:
        raise InputError("a log cannot be read in a process forked from one that has loaded "
                         "polars: read it before, or start the process by 'spawn'")  # fmt: skip
    if not isinstance(source, (str, Path)):
        return from_memory(source), "the table"
    try:
        return from_bytes(unpack(source, needed), source, columns, force, needed), source
    except pl.exceptions.PolarsError as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{source}: {reason}; check the file or save the log as CSV") from None


# From a path to bytes


def unpack(path, needed=LOG):
    """The bytes of a file, unzipped if need be; those of a text in UTF-8, without a mark."""
    try:
        data = Path(path).read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        elif data.startswith(b"PK"):
            data = only_member(data, path)
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}; check the name and the file") from None
    if data.startswith((b"PAR1", b"ARROW1")):
        return data
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # what Excel calls Unicode text
        data = data.decode("utf-16", errors="replace").encode()
    if b"\0" in data or FIELD.encode() in data:
        raise InputError(f"{path}: not a text file; save the log as CSV in UTF-8")
    try:
        data.isascii() or data.decode()
    except UnicodeDecodeError as error:
        if "title" not in needed:  # as MovieLens's u.item has them
            row = data.count(b"\n", 0, error.start) + 1
            raise InputError(f"{path}, row {row}: not UTF-8 text; save it as UTF-8") from None
        data = data.decode("latin-1").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data or data.isspace():
        raise InputError(f"{path}: the file is empty; name one with at least one row")
    return data


def only_member(data, path):
    """The one file in a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist()
                 if not (name.endswith("/") or name.startswith("__MACOSX"))]  # fmt: skip
        if len(names) != 1:
            found = ", ".join(names[:5]) or "nothing"
            raise InputError(f"{path}: holds {found}; unzip it and name one file of them")
        return archive.read(names[0])


# From bytes to a table


def from_bytes(data, path, columns, force, needed):
    """The Table of a Parquet, Arrow, JSON or delimited file, or of one sequence a line."""
    if data.startswith(b"PAR1"):
        return from_frame(pl.read_parquet(io.BytesIO(data)))
    if data.startswith(b"ARROW1"):
        return from_frame(pl.read_ipc(io.BytesIO(data)))
    first = data[:1000].lstrip()[:1]
    if first == b"[":
        return from_frame(pl.read_json(io.BytesIO(data), infer_schema_length=None))
    if first == b"{":
        return from_json_lines(data)
    return from_text(data, path, columns, force, needed)


def from_text(data, path, columns, force, needed):
    """The Table of lines that a separator or blanks part, or of one sequence a line."""
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    said = re.match(rb'"?sep=([,;|\t])"?\r?(?=\n)', data)  # to Excel
    data = data[said.end() :] if said else data
    first = re.search(rb"[^\r\n]*\S[^\r\n]*", data)
    if not first:
        raise InputError(f"{path}: no row can be read; save the log as CSV in UTF-8")
    first = first[0].decode()
    separator = said[1].decode() if said else find_separator(first)
    if separator is None:
        lines = [line.split() for line in data.decode().split("\n")]
        if not (columns or "title" in needed or is_table(lines, force)):
            return from_sequences(lines)
        data, separator = re.sub(rb"[^\S\n]+", b" ", data), " "
        data, first = re.sub(rb"(?m)^ | $", b"", data), " ".join(first.split())
    return from_delimited(data, first, separator, path)


def find_separator(line):
    """What stands between the fields of a line; None if nothing but blanks does."""
    if "::" in line:
        return "::"
    most_frequent = max("\t;,|", key=line.count)
    return most_frequent if most_frequent in line else None


def is_table(lines, force):
    """Is text between blanks a table, not sequences: a header, or always two, three or four?"""
    lines = [line for line in lines if line]
    width = {len(line) for line in lines}
    even = len(lines) > 1 == len(width) and width <= {2, 3, 4}
    return (even and not force) or is_header(lines[0], {}, LOG)


def from_sequences(lines):
    """The first line holds the items of user "1", the second those of user "2", and so on."""
    frame = pl.DataFrame({"1": lines}).with_row_index("row", 1)
    frame = frame.with_columns(pl.col("row").cast(pl.String).alias("0"))
    return Table(frame.explode("1").drop_nulls(), ["user", "item"])


def from_delimited(data, first, separator, path):
    """The Table of rows whose fields a separator parts; `first` is the first line.

    In a tab, | or :: file a quote is a letter, unless it encloses every field of that line.
    """
    fields = [field.strip() for field in first.split(separator)]
    enclosed = all(len(field) > 1 and field[0] == field[-1] == '"' for field in fields)
    quotes = b'"' in data and (separator in ",; " or enclosed)
    sign = FIELD if separator == "::" else separator
    data = data.replace(b"::", sign.encode()) if separator == "::" else data
    frame, broken = parse(data, sign, len(fields)), []
    text = pl.exclude("row")
    if quotes and frame is not None:
        simple = text.str.contains(r'^([^"]*|"[^"]*")$').all()
        simple = frame.select(pl.all_horizontal(simple)).item()
        bare = text.str.strip_chars('"').str.strip_chars(BLANKS)
        frame = frame.with_columns(bare) if simple else None
    if frame is None:
        frame, broken = row_by_row(data, sign, quotes, path)
    return Table(frame.filter(pl.any_horizontal(text != "")), None, broken, separator)


def parse(data, separator, width):
    """Columns "0", "1", … of trimmed text beside "row", where all lines have so many fields;
    else None.
    """
    columns = [str(at) for at in range(width)]
    try:
        frame = pl.read_csv(data, has_header=False, separator=separator, quote_char=None,
                            schema=dict.fromkeys(columns, pl.String), empty_string_is_null=False,
                            missing_columns="insert")  # fmt: skip
    except pl.exceptions.PolarsError:  # a line has more
        return None
    blank = frame.select(pl.all_horizontal(pl.all() == "").sum()).item()
    rows = len(frame), len(frame) - blank
    if data.count(separator.encode()) not in [(width - 1) * count for count in rows]:
        return None
    if not data.isascii() or any(blank in data for blank in b" \t\r\v\f\x1c\x1d\x1e\x1f"):
        for name in columns:  # one by one: no two copies of all of them
            frame = frame.with_columns(pl.col(name).str.strip_chars(BLANKS))
    return frame.with_row_index("row", 1)


def row_by_row(data, separator, quotes, path):
    """The same for rows of any width, without the blank ones; and the broken rows: those with
    more or fewer fields than the first, unless what they have more is empty.
    """
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    records, broken, width = bytearray(), [], 0
    while True:
        row, wrong = reader.line_num + 1, ""
        try:
            record = [field.strip() for field in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            record, wrong = [], str(error)
        if reader.line_num - row > DEEP or re.search("unexpected end|field limit", wrong):
            raise InputError(f"{path}, row {row}: a quote opens here and is never closed, or not "
                             f"within {DEEP} lines; close it or save with tabs")  # fmt: skip
        if not (any(record) or wrong):
            continue
        width = width or len(record)
        while len(record) > width and not record[-1]:
            record.pop()
        if len(record) == width and not wrong:
            record = FIELD.join([str(row), *record])
            records += record.replace("\n", " ").encode() + b"\n"
        else:
            wrong = wrong or f"{len(record)} fields where {width} are expected"
            broken.append((row, wrong))
    if not records:
        raise InputError(f"{path}: no row can be read; save the log as CSV in UTF-8")
    frame = parse(bytes(records), FIELD, 1 + width).drop("row")
    frame.columns = ["row", *frame.columns[:-1]]
    return frame.with_columns(pl.col("row").cast(pl.UInt32)), broken


def from_json_lines(data):
    """One object a line; a line that is none is left out."""
    broken = []
    try:
        frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        lines = {row: line for row, line in enumerate(data.split(b"\n"), start=1) if line.strip()}
        broken = [(row, "not a JSON object") for row in lines if not is_object(lines[row])]
        good = b"\n".join(line for line in lines.values() if is_object(line))
        frame = pl.read_ndjson(io.BytesIO(good), infer_schema_length=None)
    return from_frame(frame, broken)


def is_object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def from_memory(table):
    """The Table of a pandas, polars or Arrow table, or of a dict of columns."""
    try:
        if isinstance(table, pl.LazyFrame):
            table = table.collect()
        if isinstance(table, dict) or hasattr(table, "iloc"):  # pandas: its text needs pyarrow
            table = {str(name): as_series(table[name]) for name in table}
        return from_frame(pl.DataFrame(table))
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"the table: {reason}; hand over columns of one length") from None


def as_series(values):
    if not isinstance(values, pl.Series):
        values = values.tolist() if hasattr(values, "tolist") else list(values)
    return pl.Series(values, strict=False)


def from_frame(frame, broken=()):
    """The Table of typed columns; those of lists and the like are left out.

    Where no column is an item's but one holds lists of events (OTTO), each event gets a row.
    """
    if not set(NAMES["item"]) & set(map(plain, frame.columns)):
        for name, kind in frame.schema.items():
            if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
                frame = frame.explode(name).unnest(name)
                break
    texts = [column for column in frame if not column.dtype.is_nested()]
    found = pl.DataFrame([as_text(text).alias(str(at)) for at, text in enumerate(texts)])
    return Table(found.with_row_index("row", 1), [text.name for text in texts], list(broken))


def as_text(column):
    """Whole numbers without a point: pandas makes floats of ids where one is missing."""
    if column.dtype.is_float():
        numbers = column.fill_nan(None)
        whole = numbers.cast(pl.Int64, strict=False)
        column = whole if (whole == numbers).all() else numbers
    return column.cast(pl.String).fill_null("").str.strip_chars(BLANKS)
