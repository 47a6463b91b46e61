"""Files and tables → columns of text (article §3.2.1, step 1).

    path --unpack--> bytes --from_bytes--> Table --columns.py--> Log: columns under our names

polars takes the formats apart; decided here is what becomes of a row that does not fit.
Whatever is wrong raises InputError: the file, the row, what to do.
"""

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from ..errors import InputError
from .columns import NAMES, harmless, is_header, name_columns, parse_columns, plain
from .events import MANY

NOT_WORDS = ("id", "url", "link", "image", "date", "time")  # how names of such columns end
FIELD, ROW = "\x1f", "\x1e"  # ASCII's own signs between fields and between rows


class Table(NamedTuple):
    frame: pl.DataFrame  # columns "0", "1", … of trimmed text; "row", where each row stands
    names: list | None  # of the columns; None: the first row may hold them
    broken: list = ()  # (row, what is wrong with it) of the rows left out
    separator: str = ""  # what stood between the fields


def read_log(source, columns=None, strict=False, force=False):
    """The Log of a file, a table (pandas, polars, Arrow) or a dict of columns."""
    columns = parse_columns(columns)
    dates = columns.pop("dates", None)
    if isinstance(source, (str, Path)):
        table = from_bytes(unpack(source), source, columns, force)
    else:
        table, source = from_memory(source), "the table"
    log = name_columns(table, columns, ("user", "item"), source)._replace(dates=dates)
    count = len(log.broken)
    if count and (strict or (count > MANY * len(log.row) and not force)):
        row, wrong = log.broken[0]
        every = f", one of {count:,} broken rows" if count > 1 else ""
        advice = "leave out --strict" if strict else "leave such rows out with --force"
        raise InputError(f"{source}, row {row}: {wrong}{every}; correct it, or {advice}")
    return log


class Items(NamedTuple):
    titles: dict  # raw item id -> title, where it has one
    texts: dict  # raw item id -> the title and what the further columns say
    further: list  # the names of these


def read_titles(source):
    """raw item id -> title, as `read_items` finds them."""
    return read_items(source).titles


def read_items(source):
    """The Items of a table or a file, also MovieLens's u.item or movies.dat."""
    if isinstance(source, (str, Path)):
        table = from_bytes(unpack(source, other_encoding="latin-1"), source, {}, True)
    else:
        table, source = from_memory(source), "the titles"
    found = name_columns(table, {}, ("item", "title"), source)
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
        said[name] = text
    return said


def encode(text):
    """Numbers the texts of a Series: (n,) int32 codes, and each text once, as first met."""
    distinct = text.unique(maintain_order=True)
    codes = text.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int32)
    return codes, distinct.to_numpy().astype(object)


# From a path to bytes


def unpack(path, other_encoding=None):
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
    if any(sign in data for sign in (b"\0", FIELD.encode(), ROW.encode())):
        raise InputError(f"{path}: not a text file; save the log as CSV in UTF-8")
    try:
        data.isascii() or data.decode()
    except UnicodeDecodeError as error:
        if other_encoding is None:
            row = data.count(b"\n", 0, error.start) + 1
            raise InputError(f"{path}, row {row}: not UTF-8 text; save it as UTF-8") from None
        data = data.decode(other_encoding).encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise InputError(f"{path}: the file is empty; name one with at least one row")
    return data


def only_member(data, path):
    """The one file in a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        names = [name for name in names if not name.startswith("__MACOSX")]
        if len(names) != 1:
            found = ", ".join(names[:5]) or "nothing"
            raise InputError(f"{path}: holds {found}; unzip it and name one file of them")
        return archive.read(names[0])


# From bytes to a table


def from_bytes(data, path, columns, force):
    """The Table of a Parquet, Arrow, JSON or delimited file, or of one sequence a line."""
    first = data.lstrip()[:1]
    try:
        if data.startswith(b"PAR1"):
            return from_frame(pl.read_parquet(io.BytesIO(data)))
        if data.startswith(b"ARROW1"):
            return from_frame(pl.read_ipc(io.BytesIO(data)))
        if first == b"[":
            return from_frame(pl.read_json(io.BytesIO(data), infer_schema_length=None))
        if first == b"{":
            return from_json_lines(data)
        line = re.search(rb"[^\r\n]*[^\s][^\r\n]*", data)[0].decode()
        separator = find_separator(line)
        if separator is None:
            lines = [line.split() for line in data.decode().split("\n")]
            if not (columns or is_table(lines, force)):
                return from_sequences(lines)
            data, separator = re.sub(rb"[^\S\n]+", b" ", data), " "
        return from_delimited(data, line, separator, path)
    except pl.exceptions.PolarsError as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{path}: {reason}; check the file or save the log as CSV") from None


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
    return (even and not force) or any(is_header(line, {}, ("user", "item")) for line in lines[:1])


def from_sequences(lines):
    """The first line holds the items of user "1", the second those of user "2", and so on."""
    frame = pl.DataFrame({"1": lines}).with_row_index("row", 1)
    frame = frame.with_columns(pl.col("row").cast(pl.String).alias("0"))
    return Table(frame.explode("1").drop_nulls(), ["user", "item"])


def from_delimited(data, line, separator, path):
    """The Table of rows whose fields a separator parts; `line` is the first one.

    In a tab, | or :: file a quote is a letter, unless it encloses every field of the line.
    """
    fields = line.split(separator)
    enclosed = all(len(field) > 1 and field[0] == field[-1] == '"' for field in fields)
    quote = '"' if b'"' in data and (separator in ",; " or enclosed) else None
    width = len(next(csv.reader([line], delimiter=separator)) if quote else fields)
    sign = FIELD if separator == "::" else separator
    if sign != separator:
        data = data.replace(separator.encode(), sign.encode())
    frame = parse_even(data, sign, quote, width)
    if frame is not None:
        return Table(frame, None, [], separator)
    records, rows, broken = check_rows(data, sign, quote, path)
    width = records.partition(ROW.encode())[0].count(FIELD.encode()) + 1
    frame = parse(records, FIELD, None, width, end=ROW)
    return Table(frame.with_columns(row=pl.Series(rows)), None, broken, separator)


def parse(data, separator, quote, width, end="\n"):
    """So many columns of trimmed text, "0", "1", …; what a short row lacks is empty."""
    frame = pl.read_csv(
        data, has_header=False, separator=separator, eol_char=end, quote_char=quote,
        schema={str(at): pl.String for at in range(width)}, empty_string_is_null=False,
        extra_columns="ignore", missing_columns="insert",
    )  # fmt: skip
    if not data.isascii() or any(blank in data for blank in (b" ", b"\t", b"\r", b"\v", b"\f")):
        for name in frame.columns:  # one by one: no two copies of all of them
            frame = frame.with_columns(pl.col(name).str.strip_chars())
    return frame.with_row_index("row", 1)


def parse_even(data, separator, quote, width):
    """The frame of a file whose rows are all of one width and one line; of any other None."""
    try:
        frame = parse(data, separator, quote, width + 1)
    except pl.exceptions.PolarsError:
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    text = pl.exclude("row")
    separators = (width - 1) * len(frame)
    if quote:
        inside = frame.select(text.str.count_matches(separator, literal=True).sum())
        separators += inside.sum_horizontal()[0]
    blank = frame.select(pl.all_horizontal(text == "")).to_series()
    if blank.any():
        separators -= (width - 1) * blank.sum()
        frame = frame.filter(~blank)
    even = data.count(separator.encode()) == separators and (frame[str(width)] == "").all()
    return frame.drop(str(width)) if even and lines == len(blank) else None


def check_rows(data, separator, quote, path):
    """Row by row: (the rows of equal width, where each begins, broken rows)."""
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")
    quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    records, rows, broken, width = bytearray(), [], [], None
    while True:
        row = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if quote and re.search("unexpected end|field limit", str(error)):
                raise InputError(f"{path}, row {row}: a quote opens here and is never closed; "
                                 "close it or save the log with tabs") from None  # fmt: skip
            broken.append((row, str(error)))
            continue
        if not any(field.strip() for field in record):
            continue
        width = width or len(record)
        while len(record) > width and not record[-1]:
            record.pop()
        if len(record) == width:
            records += (FIELD.join(record) + ROW).encode()
            rows.append(row)
        else:
            broken.append((row, f"{len(record)} fields where {width} are expected"))
    if not rows:
        raise InputError(f"{path}: no row can be read; save the log as CSV in UTF-8")
    return bytes(records), rows, broken


def from_json_lines(data):
    """One object a line; a line that is none is left out."""
    lines, broken = data.split(b"\n"), []
    try:
        frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        good = [line for line in lines if is_object(line)]
        broken = [(row, "not a JSON object") for row, line in enumerate(lines, start=1)
                  if line.strip() and not is_object(line)]  # fmt: skip
        frame = pl.read_ndjson(io.BytesIO(b"\n".join(good)), infer_schema_length=None)
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
        if hasattr(table, "iloc"):  # pandas, whose text would need pyarrow
            table = {str(name): table[name].tolist() for name in table.columns}
        if isinstance(table, dict):
            table = {str(name): as_series(values) for name, values in table.items()}
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
    return column.cast(pl.String).fill_null("").str.strip_chars()
