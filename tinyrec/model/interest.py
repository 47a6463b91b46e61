"""The user's interest: long-term, short-term, and the event just seen (article §4.2, the title).

The event's own vector x goes straight to the scorer, as the residual connections of SASRec let it
(Kang & McAuley, 2018): what is like the last item need not squeeze through the gates.

Shapes, with any number of leading axes (none for one user, B for a batch):
    long, h (..., T, H)    x (..., T, D)    Wu (2H, D)    bu (D,)    u (..., T, D)
"""

from typing import NamedTuple

import numpy as np

from .functions import bias_gradient, weight_gradient


class Cache(NamedTuple):
    long: np.ndarray  # (..., T, H)
    h: np.ndarray  # (..., T, H)
    Wu: np.ndarray  # (2H, D)


def forward(long, h, x, Wu, bu):
    """Returns u (..., T, D), a vector in the space of the items, and the cache."""
    H = h.shape[-1]
    u = long @ Wu[:H] + h @ Wu[H:] + bu + x  # (11)
    return u, Cache(long, h, Wu)


def backward(du, cache):
    """Returns (dlong, dh, dx), shaped as long, h and x, and {"Wu", "bu"}."""
    long, h, Wu = cache
    H = h.shape[-1]
    dlong = du @ Wu[:H].T  # ∂(11)
    dh = du @ Wu[H:].T  # ∂(11)
    dx = du  # ∂(11)
    dWu = np.concatenate([weight_gradient(long, du), weight_gradient(h, du)])  # ∂(11)
    dbu = bias_gradient(du)  # ∂(11)
    return (dlong, dh, dx), {"Wu": dWu, "bu": dbu}


def last(long, h, x, Wu, bu):
    """`forward` for the rows at each history's end alone: long, h (B, H), x (B, D) give (B, D)."""
    return forward(long, h, x, Wu, bu)[0]
