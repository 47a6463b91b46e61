"""The embedding of model/embedding.py: rows picked, and their gradient added up, in one pass."""

import numpy as np

from ..model import embedding as readable
from ..model.embedding import Cache
from ..model.functions import weight_gradient
from .functions import add_rows, batched, check, check_picked, jit


def forward(items, kinds, n, E, A, F):
    """As model.embedding.forward: x (..., T, D) and the cache."""
    D = E.shape[1]
    check(A=(A, (len(A), D)), kinds=(kinds, items.shape), n=(n, (*items.shape, len(F))))
    check_picked(items, E)
    check_picked(kinds, A)
    if not isinstance(E, np.ndarray):  # a Table, in less memory, makes rows when they are picked
        return readable.forward(items, kinds, n, E, A, F)
    x = n @ F
    add_events(items.ravel(), kinds.ravel(), E, A, x.reshape(-1, D))
    return x, Cache(items, kinds, E, A, n)


def backward(dx, cache):
    """As model.embedding.backward: (None, {"E", "A", "F"})."""
    check(dx=(dx, (*cache.items.shape, cache.E.shape[1])), kinds=(cache.kinds, cache.items.shape))
    rows = batched(dx, 1)
    dE, dA = np.zeros_like(cache.E), np.zeros_like(cache.A)
    add_rows(dE, cache.items.ravel(), rows)
    add_rows(dA, cache.kinds.ravel(), rows)
    return None, {"E": dE, "A": dA, "F": weight_gradient(cache.n, dx)}


@jit
def add_events(items, kinds, E, A, x):
    for t in range(items.size):
        add_both(x[t], E[items[t]], A[kinds[t]])


@jit
def add_both(out, e, a):
    for j in range(out.size):
        out[j] = e[j] + a[j] + out[j]
