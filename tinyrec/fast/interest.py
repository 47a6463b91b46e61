"""The interest of model/interest.py: products without a copy, the walk of `recent` compiled."""

from typing import NamedTuple

import numpy as np

from ..model.functions import bias_gradient, sigmoid, weight_gradient
from .embedding import add_both
from .functions import add_scaled, batched, check, jit, product


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
    u = product(long, Wu[:H])
    u += product(h, Wu[H:])
    recent = np.empty(x.shape, x.dtype)
    fade_forward(batched(x, 2), sigmoid(fade), bu, batched(recent, 2), batched(u, 2))
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


def last(long, h, x, lengths, Wu, bu, fade):
    """As model.interest.last."""
    B, T, D = x.shape
    H = h.shape[-1]
    check(lengths=(lengths, (B,)), fade=(fade, (D,)))
    u = long @ Wu[:H] + h @ Wu[H:] + bu
    add_recent(x, np.minimum(lengths, T), sigmoid(fade), u)
    return u


@jit
def add_recent(x, lengths, decay, u):
    one = x.dtype.type(1)
    for b in range(len(x)):
        recent = np.zeros_like(decay)
        for t in range(lengths[b]):
            add_past(recent, x[b, t], decay, recent)
        add_scaled(u[b], one, recent)


@jit
def fade_forward(x, decay, bu, recent, u):
    """recent (B, T, D) is filled: x and the sum of what went before, fading; u gains it and bu."""
    nothing = np.zeros_like(decay)
    for b in range(len(x)):
        for t in range(x.shape[1]):
            before = recent[b, t - 1] if t > 0 else nothing
            add_past(recent[b, t], x[b, t], decay, before)
            add_both(u[b, t], recent[b, t], bu)


@jit
def add_past(out, x, decay, before):
    """out becomes x and what went before, fading; it may be `before` itself."""
    for j in range(out.size):
        out[j] = x[j] + decay[j] * before[j]


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
