"""The user's interest: long-term and short-term together (article §4.2, the title's promise).

Shapes, with any number of leading axes (none for one user, B for a batch):
    long, h (..., T, H)    Wu (2H, D)    bu (D,)    u (..., T, D)
"""

from typing import NamedTuple

import numpy as np

from .functions import bias_gradient, weight_gradient


class Cache(NamedTuple):
    both: np.ndarray  # (..., T, 2H), [long ; h]
    Wu: np.ndarray  # (2H, D)


def forward(long, h, Wu, bu):
    """Returns u (..., T, D), a vector in the space of the items, and the cache."""
    both = np.concatenate([long, h], axis=-1)
    u = both @ Wu + bu  # (11)
    return u, Cache(both, Wu)


def backward(du, cache):
    """Returns (dlong, dh), each (..., T, H), and {"Wu", "bu"}."""
    both, Wu = cache
    dlong, dh = np.split(du @ Wu.T, 2, axis=-1)  # ∂(11)
    dWu = weight_gradient(both, du)  # ∂(11)
    dbu = bias_gradient(du)  # ∂(11)
    return (dlong, dh), {"Wu": dWu, "bu": dbu}
