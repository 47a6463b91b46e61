"""Fill in missing values of a numeric column (article §9.3).

The methods of the article: one number for all gaps (mean, median), a curve along each user's
own time line (linear, spline), or a new feature that says where the gaps were (indicator).
A value that is known never changes. What a model is told (features.py) is the mean of what it
learns from, and the flag.
"""

from dataclasses import replace

import numpy as np

from ..errors import InputError


def fill(events, column, method):
    """Fills the column's gaps by "mean", "median", "linear" or "spline".

    Before a user's first and after the last known value, a curve holds the nearest one; users
    with nothing known get the column's mean. Raises InputError for an unknown column or method.
    """
    averages = {"mean": np.nanmean, "median": np.nanmedian}
    curves = {"linear": np.interp, "spline": spline}
    values = column_of(events, column)
    if np.isnan(values).all():
        raise InputError(f"column {column}: no value is known; choose another column")
    if method in averages:
        filled = fill_with(values, averages[method](values))
    elif method in curves:
        filled = fill_along_time(events, values, curves[method])
    else:
        raise InputError(f"method {method!r}: choose mean, median, linear or spline")
    return replace(events, numeric=events.numeric | {column: filled})


def indicator(events, column):
    """Adds the feature <column>_missing: 1 where the value is missing, else 0."""
    said = {f"{column}_missing": flags(column_of(events, column))}
    return replace(events, numeric=events.numeric | said)


def fill_with(values, number):
    return np.where(np.isnan(values), number, values)


def flags(values):
    return np.isnan(values).astype(float)


def column_of(events, column):
    if column not in events.numeric:
        found = ", ".join(events.numeric) or "none"
        raise InputError(f"column {column!r}: not a numeric column of the log; it has {found}")
    return events.numeric[column]


def fill_along_time(events, values, curve):
    """values (n,) with each user's gaps read off a curve through that user's known values."""
    filled = fill_with(values, np.nanmean(values))
    first_rows = np.flatnonzero(np.diff(events.user)) + 1
    for rows in np.split(np.arange(len(values)), first_rows):
        time = np.arange(len(rows)) if events.time is None else events.time[rows]
        known = ~np.isnan(values[rows])
        if known.any() and not known.all():
            moments, means = one_value_a_moment(time[known], values[rows][known])
            filled[rows[~known]] = curve(time[~known], moments, means)
    return filled


def one_value_a_moment(time, value):
    """Distinct times (m,), ascending, and the mean of the values at each (m,)."""
    moments, which = np.unique(time, return_inverse=True)
    return moments, np.bincount(which, value) / np.bincount(which)


def spline(x, t, y):
    """The natural cubic spline through the points t, y (m,), read off at x (p,).

    y'' is continuous, linear between points and zero at both ends (Numerical Recipes §3.3).
    """
    if len(t) < 3:
        return np.interp(x, t, y)
    x = np.clip(x, t[0], t[-1])
    left = np.clip(np.searchsorted(t, x, side="right") - 1, 0, len(t) - 2)
    right = left + 1
    width = t[right] - t[left]
    a = (t[right] - x) / width
    b = (x - t[left]) / width
    curvature = second_derivatives(t, y)
    bend = (a**3 - a) * curvature[left] + (b**3 - b) * curvature[right]
    return a * y[left] + b * y[right] + bend * width**2 / 6


def second_derivatives(t, y):
    """y'' at each point (m,): a tridiagonal system, solved from the left and back."""
    h = np.diff(t)
    slope = np.diff(y) / h
    diagonal = 2 * (h[:-1] + h[1:])
    bends = 6 * np.diff(slope)
    for i in range(1, len(bends)):
        factor = h[i] / diagonal[i - 1]
        diagonal[i] -= factor * h[i]
        bends[i] -= factor * bends[i - 1]
    curvature = np.zeros(len(t))
    for i in range(len(bends) - 1, -1, -1):
        curvature[i + 1] = (bends[i] - h[i + 1] * curvature[i + 2]) / diagonal[i]
    return curvature
