"""The user's interest: long-term, short-term, and the events just seen (article §4.2, the title).

The events' own vectors go straight to the scorer, the last one whole and each earlier one λ times
less, so that likeness to what was just taken need not squeeze through the gates. It is what the
residual connections of SASRec do for the last item (Kang & McAuley, 2018); how fast the past
fades is learnt for each of the D numbers.

Shapes, with any number of leading axes (none for one user, B for a batch):
    long, h (..., T, H)    x, recent, u (..., T, D)    Wu (2H, D)    bu, fade (D,)
"""

from typing import NamedTuple

import numpy as np

from .functions import bias_gradient, sigmoid, weight_gradient


class Cache(NamedTuple):
    long: np.ndarray  # (..., T, H)
    h: np.ndarray  # (..., T, H)
    recent: np.ndarray  # (..., T, D)
    Wu: np.ndarray  # (2H, D)
    fade: np.ndarray  # (D,)


def forward(long, h, x, Wu, bu, fade):
    """Returns u (..., T, D), a vector in the space of the items, and the cache."""
    H = h.shape[-1]
    recent = x.copy()
    for t in range(1, x.shape[-2]):
        recent[..., t, :] += sigmoid(fade) * recent[..., t - 1, :]  # (11), λ = σ(fade)
    u = long @ Wu[:H] + h @ Wu[H:] + bu + recent  # (11)
    return u, Cache(long, h, recent, Wu, fade)


def backward(du, cache):
    """Returns (dlong, dh, dx), shaped as long, h and x, and {"Wu", "bu", "fade"}."""
    long, h, recent, Wu, fade = cache
    H = h.shape[-1]
    dlong = du @ Wu[:H].T  # ∂(11)
    dh = du @ Wu[H:].T  # ∂(11)
    dWu = np.concatenate([weight_gradient(long, du), weight_gradient(h, du)])  # ∂(11)
    dbu = bias_gradient(du)  # ∂(11)
    drecent = du.copy()  # and it is ∂x: each x is added to its own step's recent, as it is
    decay = sigmoid(fade)
    for t in range(du.shape[-2] - 1, 0, -1):
        drecent[..., t - 1, :] += decay * drecent[..., t, :]  # ∂(11), from the step after
    ddecay = bias_gradient(drecent[..., 1:, :] * recent[..., :-1, :])  # ∂(11)
    dfade = ddecay * decay * (1 - decay)  # ∂(11)
    return (dlong, dh, drecent), {"Wu": dWu, "bu": dbu, "fade": dfade}


def step(long, h, x, recent, Wu, bu, fade):
    """The last row of `forward` alone, each argument of one step: `recent` of the step before,
    zeros at first. Returns u (..., D) and this step's `recent`.
    """
    H = h.shape[-1]
    recent = x + sigmoid(fade) * recent  # (11)
    u = long @ Wu[:H] + h @ Wu[H:] + bu + recent  # (11)
    return u, recent


def last(long, h, x, lengths, Wu, bu, fade):
    """`forward` for the row at each history's end alone: long, h (B, H) and x (B, T, D) give
    u (B, D); lengths (B,): real steps.
    """
    age = lengths[:, None, None] - 1 - np.arange(x.shape[1])[:, None]  # (B, T, 1)
    weight = np.where(age < 0, 0, sigmoid(fade) ** np.maximum(age, 0))
    H = h.shape[-1]
    return long @ Wu[:H] + h @ Wu[H:] + bu + (weight * x).sum(axis=1).astype(x.dtype)
