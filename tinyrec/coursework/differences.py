"""How one array differs from another, in words a learner can act on."""

import numpy as np

from .sentences import say

TOLERANCE = 1e-7


def same(array, expected):
    return array.shape == expected.shape and np.allclose(
        array, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
    )


def difference(part, array, expected, axes=""):
    """The sentence on how an array differs; part: its name, axes: of its last axes, "T H"."""
    if array.shape != expected.shape:
        return of_shapes(part, array, expected, axes)
    if not np.isfinite(array).all():
        return say("not_a_number", part=part, place=first_place(~np.isfinite(array), axes))
    if not array.any():
        return say("zero", part=part)
    factor = np.sum(array * expected) / np.sum(expected * expected)
    if same(array, factor * expected):
        if np.isclose(factor, -1):
            return say("wrong_sign", part=part)
        return say("times", part=part, factor=f"{factor:.4g}")
    return of_order(part, array, expected) or of_entries(part, array, expected, axes)


def of_shapes(part, array, expected, axes):
    shapes = {"part": part, "shape": array.shape, "expected": expected.shape}
    if expected.ndim < 2 or array.shape != expected.swapaxes(-1, -2).shape:
        return say("shape", **shapes)
    last = say("last_axes")
    if axes:
        first, second = axes.split()[-2:]
        last = say("two_axes", first=first, second=second)
    return say("shape_swapped", **shapes, axes=last)


def of_order(part, array, expected):
    """Whether all numbers are there, but elsewhere: None if not."""
    if expected.ndim < 2:
        return None
    if expected.shape[-1] == expected.shape[-2] and same(array, expected.swapaxes(-1, -2)):
        return say("transposed", part=part)
    if expected.shape[-2] > 1 and same(array[..., 1:, :], expected[..., :-1, :]):
        return say("too_late", part=part)
    if expected.shape[-2] > 1 and same(array[..., :-1, :], expected[..., 1:, :]):
        return say("too_early", part=part)
    return None


def of_entries(part, array, expected, axes):
    wrong = ~np.isclose(array, expected, rtol=TOLERANCE, atol=TOLERANCE)
    at = tuple(np.argwhere(wrong)[0])
    return say(
        "first_differs", part=part, place=first_place(wrong, axes), number=f"{array[at]:.6g}",
        expected=f"{expected[at]:.6g}", wrong=wrong.sum(), all=wrong.size,
    )  # fmt: skip


def first_place(wrong, axes):
    """Where the first entry is, by time first where there is a time axis."""
    places = np.argwhere(wrong)
    over_time = wrong.ndim > 1 and axes.split()[-2:-1] == ["T"]
    if over_time:
        places = places[np.argsort(places[:, -2], kind="stable")]
    at = [int(n) for n in places[0]]
    return say("step_entry", step=at[-2] + 1, at=at) if over_time else say("entry", at=at)
