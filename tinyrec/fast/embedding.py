"""The embedding of model/embedding.py; its gradient is added up by a compiled loop."""

import numpy as np

from ..model.embedding import Cache, forward  # noqa: F401
from ..model.functions import weight_gradient
from .functions import add_rows, batched, check


def backward(dx, cache):
    """As model.embedding.backward: (None, {"E", "A", "F"})."""
    check(dx=(dx, (*cache.items.shape, cache.E.shape[1])), kinds=(cache.kinds, cache.items.shape))
    rows = batched(dx, 1)
    dE, dA = np.zeros_like(cache.E), np.zeros_like(cache.A)
    add_rows(dE, cache.items.ravel(), rows)
    add_rows(dA, cache.kinds.ravel(), rows)
    return None, {"E": dE, "A": dA, "F": weight_gradient(cache.n, dx)}
