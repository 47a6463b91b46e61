"""A column of text → seconds since 1970, in UTC unless the text names another zone."""

import numpy as np
import polars as pl

from ..errors import InputError

UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
LARGEST = 1e11  # seconds: the year 5138; a larger number counts milliseconds, and so on

CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d*)?))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?: ?(?:Z|UTC|GMT|(?P<zone>[+-]\d{2}):?(?P<zone_minute>\d{2})?))?$"
)
YEAR_FIRST = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + CLOCK
YEAR_LAST = r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<year>\d{4}|\d{2})" + CLOCK
COMPACT = (
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2}))?$"
)
ORDERS = {"m/d/y": ("a", "b"), "d/m/y": ("b", "a")}  # where YEAR_LAST has month and day


def to_seconds(text, order=None, source="the log"):
    """(n,) float64, NaN where no time can be read, and in words how they were written.

    `text` is a Series of str; `order`, one of ORDERS, settles dates such as 10/2/19. Raises
    InputError, naming the source, where it is not given and either would do for all of them.
    """
    if order not in (None, *ORDERS):
        raise InputError(f"{source}, dates={order}: choose dates=m/d/y or dates=d/m/y")
    best = np.full(len(text), np.nan), "unreadable"
    for read in (read_numbers, read_year_first, read_year_last):
        seconds, written = read(text, order, source)
        if np.isfinite(seconds).sum() > np.isfinite(best[0]).sum():
            best = seconds, written
        if np.isfinite(best[0]).sum() > len(text) / 2:
            break
    return best


def read_numbers(text, order, source):
    """Counted since 1970 in the unit that a number's size tells, or 20191001 and the like."""
    number = as_numbers(text)
    number[~(np.abs(number) < LARGEST * 1000 ** (len(UNITS) - 1))] = np.nan
    if np.isnan(number).all():
        return number, ""
    middle = np.nanmedian(number)
    if 19000101 <= middle <= 21001231 or 19000101e6 <= middle <= 21001232e6:
        return from_calendar(find_parts(text, COMPACT)), "yyyymmdd, UTC"
    limits = LARGEST * 1000.0 ** np.arange(len(UNITS) - 1)
    unit = np.searchsorted(limits, np.abs(number)) % len(UNITS)
    usual = np.bincount(unit[~np.isnan(number)]).argmax()
    return number / 1000.0**unit, f"{UNITS[usual]}, UTC"


def read_year_first(text, order, source):
    """ISO 8601 with its usual liberties: 2019-10-1, 2019/10/01 12:30, 2019-10-01T10:30:00Z."""
    clock = text.str.head(19).str.replace("T", " ", literal=True)
    clock = clock.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)  # quick, and most are so
    usual = (clock.is_not_null() & text.str.slice(19).is_in(["", "Z", " UTC"])).to_numpy()
    seconds = clock.dt.epoch("s").fill_null(0).to_numpy().astype(float)
    seconds[~usual] = from_calendar(find_parts(text.filter(~usual), YEAR_FIRST))
    return seconds, "UTC"


def read_year_last(text, order, source):
    """1/10/19 and the like."""
    parts = find_parts(text, YEAR_LAST)
    order = order or find_order(text, parts, source)
    month, day = ORDERS[order]
    return from_calendar(parts | {"month": parts[month], "day": parts[day]}), f"{order}, UTC"


def find_order(text, parts, source):
    """The order which more of the column's dates allow; raises InputError if both do alike."""
    allowed = [
        np.sum((parts[month] <= 12) & (parts[day] <= 31)) for month, day in ORDERS.values()
    ]
    twelve_hours = text.str.contains(r"\d ?[AaPp]\.?[Mm]").any()  # as in America
    if allowed[0] == allowed[1] > 0 and not twelve_hours:
        date = text[int(np.argmax(~np.isnan(parts["a"])))]
        raise InputError(f"{source}: {date!r} may be month/day/year or day/month/year, and so may "
                         "all times; add dates=m/d/y or dates=d/m/y to --columns")  # fmt: skip
    return "m/d/y" if allowed[0] >= allowed[1] else "d/m/y"


def as_numbers(text):
    """(n,) float64, NaN where the text is no number."""
    return text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(writable=True)


def find_parts(text, pattern):
    """The pattern's named parts as numbers: name -> (n,) float64, NaN where there is none."""
    parts = text.str.extract_groups(pattern).struct.unnest()
    found = {part.name: as_numbers(part) for part in parts}
    if "half" in found:
        half = parts["half"].fill_null("").str.to_lowercase().to_numpy()
        twelve = found["hour"] % 12 + 12 * (half == "p")
        found["hour"] = np.where(half == "", found["hour"], twelve)
        west = parts["zone"].fill_null("").str.starts_with("-").to_numpy()
        found["zone_minute"] = np.where(west, -1, 1) * found["zone_minute"]
    return found


def from_calendar(parts):
    """(n,) float64 seconds of the parts of dates; NaN where the calendar has no such day."""
    year, month, day = parts["year"], parts["month"], parts["day"]
    year = year + np.select([year < 70, year < 100], [2000, 1900])
    known = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(known, 12 * (year - 1970) + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]") + np.where(known, day - 1, 0).astype(int)
    known &= days.astype("M8[M]") == months  # 31 April lies in May
    hour, minute, second, zone, zone_minute = (
        np.nan_to_num(parts.get(name, 0)) for name in
        ("hour", "minute", "second", "zone", "zone_minute")
    )  # fmt: skip
    known &= (hour < 24) & (minute < 60) & (second < 61)
    clock = 3600 * (hour - zone) + 60 * (minute - zone_minute) + second
    return np.where(known, days.astype("M8[s]").astype(float) + clock, np.nan)


def looks_like_time(text):
    """Do a column's first values read as dates, or as unix times between 1995 and 2100?"""
    head = text.filter(text != "").head(1000)
    try:
        seconds, _ = to_seconds(head)
    except InputError:  # dates, whose order only is not known
        return True
    return len(head) > 0 and np.sum((seconds > 8e8) & (seconds < 4.1e9)) > 0.9 * len(head)
