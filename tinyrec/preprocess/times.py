"""A column of text → seconds since 1970, in UTC unless the text names another zone.

Numbers are counted in the unit that their size tells; of dates, those with the year last or with
the month's name are written anew with the year first, and then all are read alike.
"""

import numpy as np
import polars as pl

from ..errors import InputError

UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
LARGEST = 1e11  # seconds: the year 5138; a larger number counts milliseconds, and so on

YEAR_FIRST = (
    r"^(?P<day>\d{4}[-/.]\d{1,2}[-/.]\d{1,2})"
    r"(?:[T ,:]+(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-6]\d(?:\.\d+)?))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?: ?(?:Z|UTC|GMT|(?P<sign>[+-])(?P<zone>\d{2}):?(?P<zone_minute>\d{2})?))?$"
)
COMPACT = r"^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?$"
YEAR_LAST = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d\d)\b"
ORDERS = {"m/d/y": "${3}-${1}-${2}", "d/m/y": "${3}-${2}-${1}"}  # YEAR_LAST with the year first
DAY_AND_NAME = r"(?i)^(?:[a-z]+,? )?(\d{1,2})[-/. ]([a-z]{3})[a-z]*[-/., ]+(\d{4}|\d\d)\b"
NAME_AND_DAY = r"(?i)^(?:[a-z]+,? )?([a-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})\b"
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def to_seconds(text, order=None, source="the log"):
    """(n,) float64, NaN where no time can be read, and in words how they were written.

    `text` is a Series of str; `order`, one of ORDERS, settles dates such as 10/2/19. Raises
    InputError, naming the source, where it is not given and either would do for all of them.
    """
    if order not in (None, *ORDERS):
        raise InputError(f"{source}, dates={order}: choose dates=m/d/y or dates=d/m/y")
    best = np.full(len(text), np.nan), "unreadable"
    for read in (read_numbers, read_year_first, read_year_last, read_month_names):
        seconds, written = read(text, order, source)
        if np.isfinite(seconds).sum() > np.isfinite(best[0]).sum():
            best = seconds, written
        if np.isfinite(best[0]).sum() > len(text) / 2:
            break
    return best


def read_numbers(text, order, source):
    """Counted since 1970, or 20191001 and the like."""
    number = as_numbers(text)
    number[~(np.abs(number) < LARGEST * 1000 ** (len(UNITS) - 1))] = np.nan
    known = ~np.isnan(number)
    middle = np.median(number[known]) if known.any() else 0
    if 19000101 <= middle <= 21001231 or 19000101e6 <= middle <= 21001232e6:
        dates = text.str.replace(COMPACT, "${1}-${2}-${3} ${4}:${5}:${6}")
        return from_calendar(dates.str.strip_chars(" :")), "yyyymmdd, UTC"
    unit = np.searchsorted(LARGEST * 1000.0 ** np.arange(len(UNITS) - 1), np.abs(number[known]))
    number[known] /= 1000.0**unit
    counts = np.bincount(unit, minlength=len(UNITS))
    usual = counts.argmax()
    others = [f"but {counts[at]:,} in {UNITS[at]}" for at in np.flatnonzero(counts) if at != usual]
    return number, ", ".join([UNITS[usual], "UTC", *others])


def read_year_first(text, order, source):
    """ISO 8601 with its usual liberties: 2019-10-1, 2019/10/01 12:30, 2019-10-01T10:30:00Z."""
    clock = text.str.head(19).str.replace("T", " ", literal=True)
    clock = clock.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)  # quick, and most are so
    usual = (clock.is_not_null() & text.str.slice(19).is_in(["", "Z", " UTC"])).to_numpy()
    seconds = clock.dt.epoch("s").fill_null(0).to_numpy().astype(float)
    seconds[~usual] = from_calendar(text.filter(~usual))
    return seconds, "UTC"


def read_year_last(text, order, source):
    """1/10/19 and the like."""
    order = order or find_order(text, source)
    text = text.str.replace(YEAR_LAST, ORDERS[order])
    text = text.str.replace(r"^([0-6]\d)-", "20${1}-").str.replace(r"^([7-9]\d)-", "19${1}-")
    return from_calendar(text), f"{order}, UTC"


def find_order(text, source):
    """The order which more of the column's dates allow; raises InputError if both do alike."""
    a, b = (as_numbers(text.str.extract(YEAR_LAST, group)) for group in (1, 2))
    american = np.sum((a <= 12) & (b <= 31))
    other = np.sum((b <= 12) & (a <= 31))
    twelve_hours = text.str.contains(r"\d ?[AaPp]\.?[Mm]").any()
    if american == other > 0 and not twelve_hours:
        date = text[int(np.argmax(~np.isnan(a)))]
        raise InputError(f"{source}: {date!r} may be month/day/year or day/month/year, and so may "
                         "all times; add dates=m/d/y or dates=d/m/y to --columns")  # fmt: skip
    return "m/d/y" if american >= other else "d/m/y"


def read_month_names(text, order, source):
    """12 Jan 2024, 12-JAN-24, January 12, 2024, with or without the weekday before it."""
    text = text.str.replace(DAY_AND_NAME, "${1}/${2}/${3}")
    text = text.str.replace(NAME_AND_DAY, "${2}/${1}/${3}").str.to_lowercase()
    text = text.str.replace_many(MONTHS, [str(month) for month in range(1, 13)])
    return read_year_last(text.str.to_uppercase(), "d/m/y", source)[0], "UTC"


def as_numbers(text):
    """(n,) float64, NaN where the text is no number."""
    return text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(writable=True)


def from_calendar(text):
    """(n,) float64 seconds of dates with the year first; NaN where there is no such day."""
    parts = text.str.extract_groups(YEAR_FIRST).struct.unnest()
    day = parts["day"].str.replace_all("[/.]", "-").str.to_date("%Y-%m-%d", strict=False)
    numbers = pl.col("hour", "minute", "second", "zone", "zone_minute")
    parts = parts.with_columns(numbers.cast(pl.Float64).fill_null(0))
    hour, half, zone = pl.col("hour"), pl.col("half"), pl.col("zone") + pl.col("zone_minute") / 60
    hour = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + 12 * half.is_in(["p", "P"]))
    hour -= pl.when(pl.col("sign") == "-").then(-zone).otherwise(zone)
    clock = parts.select(3600 * hour + 60 * pl.col("minute") + pl.col("second")).to_series()
    return (day.dt.epoch("s") + clock).fill_null(np.nan).to_numpy(writable=True)


def looks_like_time(text):
    """Do a column's first values read as dates, or as unix times between 1995 and 2100?"""
    head = text.filter(text != "").head(1000)
    try:
        seconds, _ = to_seconds(head)
    except InputError:  # dates, whose order only is not known
        return True
    return len(head) > 0 and np.sum((seconds > 8e8) & (seconds < 4.1e9)) > 0.9 * len(head)
