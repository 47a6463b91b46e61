"""Times: every way to write one, and what is refused because it can be read in two ways."""

import numpy as np
import polars as pl
import pytest

from tinyrec.errors import InputError
from tinyrec.preprocess.times import looks_like_time, to_seconds


def seconds(*texts, order=None):
    return to_seconds(pl.Series(texts, dtype=pl.String), order)[0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2001-09-09T01:46:40Z", "2001-09-09T01:46:40.000Z", "2001-09-09 01:46:40 UTC",
        "2001-09-09 01:46:40", "2001-9-9 1:46:40", "2001/09/09 01:46:40", "2001.09.09 01:46:40",
        "2001-09-09T03:46:40+02:00", "2001-09-08 20:16:40-0530", "20010909014640",
        "1000000000", "1000000000.0", "1e9", "1000000000000", "1000000000000000",
        "1000000000000000000",
    ],
)  # fmt: skip
def test_every_way_to_write_a_time_gives_the_same_seconds(text):
    assert seconds(text) == [1e9]


def test_a_day_is_its_midnight_padded_or_not():
    expected = [86400.0 * day for day in (0, 8, 30)]
    assert seconds("1970-01-01", "1970-1-9", "1970-01-31") == expected
    assert seconds("19700101", "19700109", "19700131") == expected


def test_days_that_the_calendar_lacks_are_no_times():
    found = seconds("2019-02-29", "2020-02-29", "2019-04-31", "2019-13-01", "2019-10-01 24:00")
    assert np.isnan(found).tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("separator", ["/", ".", "-"])
def test_the_whole_column_tells_month_from_day(separator):
    days = [text.replace("/", separator) for text in ("10/1/19", "10/13/19", "1/2/70")]
    assert seconds(*days) == seconds("2019-10-01", "2019-10-13", "1970-01-02")
    days = [text.replace("/", separator) for text in ("1/10/2019 0:07", "13/10/2019 5:00")]
    assert seconds(*days) == seconds("2019-10-01 00:07", "2019-10-13 05:00")


def test_a_column_that_allows_both_orders_is_refused_until_one_is_given():
    with pytest.raises(InputError, match=r"'10/1/19' .*month/day/year or day/month/year"):
        seconds("10/1/19", "10/2/19")
    assert seconds("10/1/19", order="m/d/y") == seconds("2019-10-01")
    assert seconds("10/1/19", order="d/m/y") == seconds("2019-01-10")
    with pytest.raises(InputError, match="dates=y/m/d: choose"):
        seconds("10/1/19", order="y/m/d")


def test_a_clock_of_twelve_hours_goes_with_the_american_order():
    days = ["10/01/2019 12:00:00 AM", "10/01/2019 12:30:00 PM", "10/02/2019 01:07:09 pm"]
    iso = ["2019-10-01 00:00:00", "2019-10-01 12:30:00", "2019-10-02 13:07:09"]
    assert seconds(*days) == seconds(*iso)


@pytest.mark.parametrize(
    "text",
    [
        "12 Jan 2024 10:30", "12-JAN-24 10:30:00", "12 January 2024, 10:30",
        "Jan 12, 2024 10:30 AM",
        "January 12 2024 10:30", "Fri, 12 Jan 2024 10:30:00 GMT", "12/Jan/2024:11:30:00 +0100",
        "Friday, Jan. 12, 2024 10:30",
    ],
)  # fmt: skip
def test_months_are_read_by_their_names(text):
    assert seconds(text, "31 Dec 1999") == seconds("2024-01-12 10:30", "1999-12-31")
    assert np.isnan(seconds("12 Foo 2024", "30 Feb 2024")).all()


def test_numbers_in_another_unit_than_most_are_read_and_pointed_out():
    column = pl.Series(["1569888000"] * 3 + ["1569888000000"] * 2)
    found, written = to_seconds(column)
    assert found.tolist() == [1569888000] * 5
    assert written == "seconds, UTC, but 2 in milliseconds"


def test_the_words_say_how_times_were_written():
    written = [to_seconds(pl.Series([text]))[1] for text in
               ("5", "1569888000123", "2019-10-01", "10/13/19", "20191001")]  # fmt: skip
    assert written == ["seconds, UTC", "milliseconds, UTC", "UTC", "m/d/y, UTC", "yyyymmdd, UTC"]


def test_what_looks_like_a_time_is_not_just_any_number():
    for texts in (["1569888000"], ["1569888000000"], ["2019-10-1 5:00"], ["10/1/19"]):
        assert looks_like_time(pl.Series(texts))
    for texts in (["214530001"], ["7806397052"], ["5"], ["3.5"], ["2 x"], [""], ["N1-0"]):
        assert not looks_like_time(pl.Series(texts))
