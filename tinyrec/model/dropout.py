"""Dropout (Srivastava et al., 2014): while training, a share of the numbers is set to zero.

Shapes: x (..., T, D), kept (..., T, D) bool, or None where nothing is dropped
scale is 1 / (share that is kept), so that the mean stays what it was.
"""

import numpy as np


def forward(x, kept, scale):
    """Returns x (..., T, D) with what is not kept at zero, and the cache."""
    if kept is None:
        return x, (kept, scale)
    return np.where(kept, scale * x, 0).astype(x.dtype, copy=False), (kept, scale)


def backward(dx, cache):
    """Returns dx (..., T, D) and no parameters: the gradient is dropped where x was."""
    return forward(dx, *cache)[0], {}
