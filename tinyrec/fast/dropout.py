"""The dropout of model/dropout.py in one compiled pass."""

import numpy as np

from .functions import batched, check, jit


def forward(x, kept, scale):
    """As model.dropout.forward."""
    if kept is None:
        return x, (kept, scale)
    check(kept=(kept, x.shape))
    out = np.empty(x.shape, x.dtype)
    drop_rows(batched(x, 1), batched(kept, 1), x.dtype.type(scale), out.reshape(-1, x.shape[-1]))
    return out, (kept, scale)


def backward(dx, cache):
    """As model.dropout.backward."""
    return forward(dx, *cache)[0], {}


@jit
def drop_rows(x, kept, scale, out):
    for n in range(len(x)):
        drop_row(x[n], kept[n], scale, out[n])


@jit
def drop_row(x, kept, scale, out):
    for j in range(x.size):
        out[j] = x[j] * (scale * kept[j])
