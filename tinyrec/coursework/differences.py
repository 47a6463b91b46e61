"""How one array differs from another, in words a learner can act on."""

from itertools import permutations

import numpy as np

from .sentences import say

TOLERANCE = 1e-7
MOST_PARTS = 1000  # of a mean: no case has more
SINGLE = 2e-5  # the same where someone computes in float32


def same(array, expected, tolerance=TOLERANCE):
    return array.shape == expected.shape and np.allclose(
        array, expected, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def in_single_precision(array):
    """Whether the numbers are such as float32 can hold, and not only round ones or residues."""
    with np.errstate(all="ignore"):
        telling = array[(np.abs(array) > 1e-6) & (array * 1024 % 1 != 0) & np.isfinite(array)]
        return telling.size > 2 and np.array_equal(telling.astype(np.float32), telling)


def difference(part, array, expected, axes="", tolerance=TOLERANCE):
    """(sentence on how an array differs, whether all its numbers are right but elsewhere).

    part: its name; axes: of its last axes, such as "T H".
    """
    if array.shape != expected.shape:
        return of_shapes(part, array, expected, axes), True
    array, expected = array + 0.0, expected + 0.0  # -0 is 0
    if not np.isfinite(array).all():
        if not array.ndim:
            return say("no_number", part=part), False
        return say("not_a_number", part=part, place=first_place(~np.isfinite(array), axes)), False
    if not array.any():
        return say("zero", part=part), False
    elsewhere = of_order(part, array, expected, axes, tolerance)
    if elsewhere:
        return elsewhere, True
    factor = of_factor(part, array, expected, tolerance)
    return factor or of_entries(part, array, expected, axes, tolerance), False


def of_shapes(part, array, expected, axes):
    shapes = {"part": part, "shape": array.shape, "expected": expected.shape}
    extra = array.ndim - expected.ndim
    summed = array.sum(axis=tuple(range(max(extra, 0))))
    if array.size > expected.size and same(summed, expected):
        return say("not_summed", **shapes)
    if expected.ndim > 1 and array.shape == expected.swapaxes(-1, -2).shape:
        first, second = axes.split()[-2:] if axes else ("", "")
        last = say("two_axes", first=first, second=second) if axes else say("last_axes")
        return say("shape_swapped", **shapes, axes=last)
    for order in permutations(range(array.ndim)):
        if array.ndim == expected.ndim and same(array.transpose(order), expected):
            return say("axes_in_other_order", **shapes)
    return say("shape", **shapes)


def of_factor(part, array, expected, tolerance):
    """Whether all of it is too large or too small by one number: None if not."""
    if not expected.any():
        return None
    factor = np.sum(array * expected) / np.sum(expected * expected)
    if not same(array, factor * expected, tolerance) or abs(factor - 1) < 1e-3:
        return None
    if np.isclose(factor, -1):
        return say("wrong_sign", part=part)
    parts = round(1 / factor) if factor else 0
    if 1 < parts <= MOST_PARTS and np.isclose(factor * parts, 1, rtol=1e-6):
        return say("share", part=part, parts=parts)
    return say("times", part=part, factor=f"{factor:.4g}")


def of_order(part, array, expected, axes, tolerance):
    """Whether all numbers are there, but elsewhere: None if not."""
    if expected.ndim > 1 and expected.shape[-2] > 1:
        if same(array[..., 1:, :], expected[..., :-1, :], tolerance):
            return say("too_late", part=part)
        if same(array[..., :-1, :], expected[..., 1:, :], tolerance):
            return say("too_early", part=part)
    if expected.ndim < 1 or not same(np.sort(array, None), np.sort(expected, None), tolerance):
        return None
    if expected.ndim > 1 and same(array, expected.swapaxes(-1, -2), tolerance):
        return say("transposed", part=part)
    if expected.ndim > 1 and same(array[..., ::-1, :], expected, tolerance):
        return say("reversed", part=part)
    blocks = int(axes[-2]) if axes[-2:-1].isdigit() else 1
    split = np.split(expected, blocks, axis=-1)
    for order in permutations(range(blocks)):
        if same(array, np.concatenate([split[n] for n in order], axis=-1), tolerance):
            return say("blocks_in_other_order", part=part, order=[n + 1 for n in order])
    return say("elsewhere", part=part)


def of_entries(part, array, expected, axes, tolerance):
    wrong = ~np.isclose(array, expected, rtol=tolerance, atol=tolerance)
    at = tuple(np.argwhere(wrong)[0])
    pairs = ((f"{array[at]:.{digits}g}", f"{expected[at]:.{digits}g}") for digits in range(6, 18))
    number, right = next((pair for pair in pairs if pair[0] != pair[1]), (array[at], expected[at]))
    if not wrong.ndim:
        return say("differs", part=part, number=number, expected=right)
    return say(
        "first_differs", part=part, place=first_place(wrong, axes), number=number,
        expected=right, wrong=wrong.sum(), all=wrong.size,
    )  # fmt: skip


def first_place(wrong, axes):
    """Where the first entry is, by time first where there is a time axis."""
    places = np.argwhere(wrong)
    over_time = wrong.ndim > 1 and axes.split()[-2:-1] == ["T"]
    if over_time:
        places = places[np.argsort(places[:, -2], kind="stable")]
    at = [int(n) for n in places[0]]
    return say("step_entry", step=at[-2] + 1, at=at) if over_time else say("entry", at=at)
