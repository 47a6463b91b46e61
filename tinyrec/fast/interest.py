"""The interest of model/interest.py: products without a copy, the walk of `recent` compiled."""

from typing import NamedTuple

import numpy as np

from ..model.functions import bias_gradient, sigmoid, weight_gradient
from ..model.interest import last  # noqa: F401
from .functions import batched, check, jit, product


class Cache(NamedTuple):
    long: np.ndarray  # (..., T, H)
    h: np.ndarray  # (..., T, H)
    recent: np.ndarray  # (..., T, D)
    Wu: np.ndarray  # (2H, D)
    fade: np.ndarray  # (D,)


def forward(long, h, x, Wu, bu, fade):
    """As model.interest.forward: u (..., T, D) and the cache."""
    H, D = long.shape[-1], x.shape[-1]
    check(h=(h, long.shape), x=(x, (*h.shape[:-1], D)), Wu=(Wu, (2 * H, D)), bu=(bu, (D,)),
          fade=(fade, (D,)))  # fmt: skip
    recent = batched(x, 2).copy()
    fade_forward(recent, sigmoid(fade))
    recent = recent.reshape(x.shape)
    u = long @ Wu[:H]
    u += h @ Wu[H:]
    u += bu
    u += recent
    return u, Cache(long, h, recent, Wu, fade)


def backward(du, cache):
    """As model.interest.backward: (dlong, dh, dx) and {"Wu", "bu", "fade"}."""
    long, h, recent, Wu, fade = cache
    check(du=(du, recent.shape))
    H = long.shape[-1]
    dWu = np.empty_like(Wu)
    dWu[:H] = weight_gradient(long, du)
    dWu[H:] = weight_gradient(h, du)
    decay = sigmoid(fade)
    drecent, ddecay = batched(du, 2).copy(), np.zeros_like(fade)
    fade_backward(drecent, batched(recent, 2), decay, ddecay)
    inputs = product(du, Wu[:H].T), product(du, Wu[H:].T), drecent.reshape(du.shape)
    dfade = ddecay * decay * (1 - decay)
    return inputs, {"Wu": dWu, "bu": bias_gradient(du), "fade": dfade}


@jit
def fade_forward(recent, decay):
    """recent (B, T, D): x becomes the sum of what went before, fading."""
    for b in range(len(recent)):
        for t in range(1, recent.shape[1]):
            add_faded(recent[b, t], decay, recent[b, t - 1])


@jit
def fade_backward(d, recent, decay, ddecay):
    """d (B, T, D): ∂ of each step's recent gains what comes from the step after."""
    for b in range(len(d)):
        for t in range(d.shape[1] - 1, 0, -1):
            add_faded(d[b, t - 1], decay, d[b, t])
            add_faded(ddecay, d[b, t], recent[b, t - 1])


@jit
def add_faded(out, decay, x):
    for j in range(out.size):
        out[j] += decay[j] * x[j]
