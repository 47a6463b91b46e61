"""Embedding: an event of the log becomes a vector (article §3.2.1, b_t).

Shapes, with any number of leading axes (none for one user, B for a batch):
    items, kinds (..., T) int    n (..., T, R) numbers of each event: the time since the one
    before, its rating, … (R = 0 where none is known)    E (N, D)    A (M, D)    F (R, D)
    x (..., T, D)
"""

from typing import NamedTuple

import numpy as np

from .functions import weight_gradient


class Cache(NamedTuple):
    items: np.ndarray  # (..., T)
    kinds: np.ndarray  # (..., T)
    E: np.ndarray  # (N, D)
    A: np.ndarray  # (M, D)
    n: np.ndarray  # (..., T, R)


def forward(items, kinds, n, E, A, F):
    """Which item, which kind of event, and its numbers: returns x (..., T, D) and the cache."""
    x = E[items] + A[kinds] + n @ F  # (1)
    return x, Cache(items, kinds, E, A, n)


def backward(dx, cache):
    """Returns (None, {"E", "A", "F"}): an index has no gradient, the rows it picked have."""
    dE = np.zeros_like(cache.E)
    dA = np.zeros_like(cache.A)
    np.add.at(dE, cache.items, dx)  # ∂(1): it was x = E[items] + A[kinds]
    np.add.at(dA, cache.kinds, dx)  # ∂(1)
    dF = weight_gradient(cache.n, dx)  # ∂(1)
    return None, {"E": dE, "A": dA, "F": dF}
