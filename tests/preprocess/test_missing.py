"""Missing values: each method against values worked out by hand."""

import numpy as np
import pytest

from tinyrec.errors import InputError
from tinyrec.preprocess.events import Events
from tinyrec.preprocess.missing import fill, indicator

NAN = np.nan


def log(values, user=None, time=None):
    """Events with one numeric column, price; everything else as plain as can be."""
    n = len(values)
    user = np.zeros(n, np.int32) if user is None else np.array(user, np.int32)
    return Events(
        user=user,
        item=np.zeros(n, np.int32),
        kind=np.zeros(n, np.int32),
        time=None if time is None else np.array(time, float),
        users=np.array([str(i) for i in range(user.max() + 1)]),
        items=np.array(["1"]),
        kinds=("event",),
        numeric={"price": np.array(values, float)},
        titles={},
        report=(),
    )


def filled(method, *args, **kwargs):
    return fill(log(*args, **kwargs), "price", method).numeric["price"]


def test_mean_and_median_fill_with_one_number():
    values = [1, NAN, 2, 9, NAN]
    assert filled("mean", values).tolist() == [1, 4, 2, 9, 4]
    assert filled("median", values).tolist() == [1, 2, 2, 9, 2]


def test_linear_follows_time_and_holds_the_ends():
    time = [0, 100, 130, 200, 250, 300, 900]
    values = [NAN, 10, NAN, 20, NAN, 0, NAN]
    assert filled("linear", values, time=time).tolist() == [10, 10, 13, 20, 10, 0, 0]


@pytest.mark.parametrize("method", ["linear", "spline"])
def test_without_times_the_position_in_the_history_counts(method):
    values = [5, 5, 1, NAN, NAN, 4]
    result = filled(method, values, user=[0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(result, [5, 5, 1, 2, 3, 4])


def test_spline_agrees_with_the_textbook():
    """Burden & Faires, Numerical Analysis, §3.5: points (1, 2), (2, 3), (3, 5)."""
    result = filled("spline", [2, NAN, 3, NAN, 5], time=[1, 1.5, 2, 2.5, 3])
    np.testing.assert_allclose(result, [2, 2.40625, 3, 3.90625, 5])


def test_spline_through_four_uneven_points_agrees_with_the_sum_on_paper():
    """Second derivatives at the points: 0, -9/4, 9/4, 0."""
    time = [0, 0.5, 1, 1.5, 2, 3, 3.5, 4]
    values = [0, NAN, 1, NAN, NAN, 0, NAN, 1]
    expected = [0, 0.640625, 1, 0.890625, 0.5, 0, 0.359375, 1]
    np.testing.assert_allclose(filled("spline", values, time=time), expected)


def test_spline_through_a_straight_line_is_the_line_and_holds_the_ends():
    time = np.array([0, 1, 2, 4, 7, 8, 11, 12.0])
    line = 3 * time + 2
    values = np.where([0, 1, 0, 1, 1, 0, 1, 0], line, NAN)
    result = filled("spline", values, time=time)
    np.testing.assert_allclose(result[1:-1], line[1:-1])
    assert result[0] == line[1]
    assert result[-1] == pytest.approx(line[-2])


def test_spline_with_two_known_points_is_linear():
    assert filled("spline", [0, NAN, NAN, 9]).tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize("method", ["linear", "spline"])
def test_a_single_known_value_holds_for_the_whole_history(method):
    assert filled(method, [NAN, 4, NAN, 8], user=[0, 0, 0, 1]).tolist() == [4, 4, 4, 8]


@pytest.mark.parametrize("method", ["linear", "spline"])
def test_users_with_nothing_known_get_the_columns_mean(method):
    values = [NAN, NAN, 2, NAN, 6]
    assert filled(method, values, user=[0, 0, 1, 1, 1]).tolist() == [4, 4, 2, 4, 6]


@pytest.mark.parametrize("method", ["linear", "spline"])
def test_events_at_the_same_moment_do_not_break_a_curve(method):
    values = [1, 3, NAN, 4, NAN, 6]
    result = filled(method, values, time=[0, 0, 0, 1, 2, 2])
    np.testing.assert_allclose(result, [1, 3, 2, 4, 6, 6])


@pytest.mark.parametrize("method", ["mean", "median", "linear", "spline"])
def test_known_values_and_the_given_events_stay_as_they_are(method):
    values = np.array([1, NAN, 7, 7, NAN, 0])
    events = log(values)
    result = fill(events, "price", method).numeric["price"]
    known = ~np.isnan(values)
    assert result[known].tolist() == values[known].tolist()
    assert not np.isnan(result).any()
    np.testing.assert_array_equal(events.numeric["price"], values)


def test_indicator_says_where_values_were_missing():
    events = indicator(log([1, NAN, 3]), "price")
    assert events.numeric["price_missing"].tolist() == [0, 1, 0]
    np.testing.assert_array_equal(events.numeric["price"], [1, NAN, 3])


def test_wrong_column_method_or_nothing_known_is_an_input_error():
    with pytest.raises(InputError, match=r"cost.*price"):
        fill(log([1, NAN]), "cost", "mean")
    with pytest.raises(InputError, match=r"cost.*price"):
        indicator(log([1, NAN]), "cost")
    with pytest.raises(InputError, match=r"cubic.*spline"):
        fill(log([1, NAN]), "price", "cubic")
    with pytest.raises(InputError, match="no value is known"):
        fill(log([NAN, NAN]), "price", "linear")
