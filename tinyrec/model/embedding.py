"""Embedding: an event of the log becomes a vector (article §3.2.1, b_t).

Shapes, with any number of leading axes (none for one user, B for a batch):
    items, kinds (..., T) int    E (N, D)    A (M, D)    x (..., T, D)
"""

from typing import NamedTuple

import numpy as np


class Cache(NamedTuple):
    items: np.ndarray  # (..., T)
    kinds: np.ndarray  # (..., T)
    E: np.ndarray  # (N, D)
    A: np.ndarray  # (M, D)


def forward(items, kinds, E, A):
    """Which item plus which kind of event: returns x (..., T, D) and the cache."""
    x = E[items] + A[kinds]  # (1)
    return x, Cache(items, kinds, E, A)


def backward(dx, cache):
    """Returns (None, {"E", "A"}): an index has no gradient, the rows it picked have."""
    dE = np.zeros_like(cache.E)
    dA = np.zeros_like(cache.A)
    np.add.at(dE, cache.items, dx)  # ∂(1): it was x = E[items] + A[kinds]
    np.add.at(dA, cache.kinds, dx)  # ∂(1)
    return None, {"E": dE, "A": dA}
