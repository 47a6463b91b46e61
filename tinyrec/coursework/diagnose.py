"""How one array differs from another, in words a learner can act on."""

import numpy as np

TOLERANCE = 1e-7


def same(got, due):
    return got.shape == due.shape and np.allclose(
        got, due, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
    )


def differs(got, due, axes=()):
    """A sentence on how got differs from due; axes: the names of the last axes."""
    if got.shape != due.shape:
        swapped = got.shape == due.shape[:-2] + due.shape[:-3:-1] and due.ndim > 1
        last = " and ".join(name.split(",")[0] for name in axes[-2:]) or "the last two axes"
        hint = f": {last} swapped?" if swapped else ""
        return f"has shape {got.shape} where {due.shape} was due{hint}"
    if not np.isfinite(got).all():
        return f"is not a number at {first_place(~np.isfinite(got), axes)}"
    if not got.any():
        return "is zero everywhere"
    factor = np.sum(got * due) / np.sum(due * due)
    if same(got, factor * due):
        return (
            "has the wrong sign"
            if np.isclose(factor, -1)
            else f"is {factor:.4g} times what is due"
        )
    if due.ndim > 1 and due.shape[-1] == due.shape[-2] and same(got, due.swapaxes(-1, -2)):
        return "is transposed"
    if due.ndim > 1 and due.shape[-2] > 1:
        if same(got[..., 1:, :], due[..., :-1, :]):
            return "comes one step too late"
        if same(got[..., :-1, :], due[..., 1:, :]):
            return "comes one step too early"
    wrong = ~np.isclose(got, due, rtol=TOLERANCE, atol=TOLERANCE)
    at = tuple(np.argwhere(wrong)[0])
    return (f"first differs at {first_place(wrong, axes)}: {got[at]:.6g} where {due[at]:.6g} "
            f"was due ({wrong.sum()} of {wrong.size} entries differ)")  # fmt: skip


def first_place(wrong, axes):
    """Where the first entry is, by time first where there is a time axis."""
    places = np.argwhere(wrong)
    if axes and axes[0].startswith("T"):
        places = places[np.argsort(places[:, -2], kind="stable")]
    at = [int(n) for n in places[0]]
    if axes and axes[0].startswith("T"):
        return f"step t = {at[-2] + 1}, entry {at}"
    return f"entry {at}"
