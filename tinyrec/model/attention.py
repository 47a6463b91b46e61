"""Causal scaled dot-product self-attention: the long-term interest (article §3.2.3, §4.2).

Shapes, with any number of leading axes (none for one user, B for a batch):
    h, q, k, long (..., T, H)    Wq, Wk (H, H)    w (..., T, T)
Row t of w weighs the events s ≤ t. The article sums over h itself, so there is no value matrix.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from .functions import softmax, transpose, weight_gradient


class Cache(NamedTuple):
    h: np.ndarray  # (..., T, H)
    Wq: np.ndarray  # (H, H)
    Wk: np.ndarray  # (H, H)
    q: np.ndarray  # (..., T, H)
    k: np.ndarray  # (..., T, H)
    w: np.ndarray  # (..., T, T), rows sum to one


def forward(h, Wq, Wk):
    """Returns long (..., T, H), the weighted sum of the states so far, and the cache."""
    T = h.shape[-2]
    q = h @ Wq  # (8)
    k = h @ Wk  # (8)
    scores = q @ transpose(k) / sqrt(q.shape[-1])  # (9)
    future = np.triu(np.ones((T, T), bool), 1)
    w = softmax(np.where(future, -np.inf, scores))  # (9)
    long = w @ h  # (10)
    return long, Cache(h, Wq, Wk, q, k, w)


def backward(dlong, cache):
    """Returns dh (..., T, H) and {"Wq", "Wk"}."""
    h, Wq, Wk, q, k, w = cache
    dw = dlong @ transpose(h)  # ∂(10): it was long = w h
    dh = transpose(w) @ dlong  # ∂(10)
    dscores = w * (dw - (dw * w).sum(axis=-1, keepdims=True))  # ∂(9): a row of w sums to one
    dscores = dscores / sqrt(q.shape[-1])  # ∂(9)
    dq = dscores @ k  # ∂(9): it was scores = q kᵀ
    dk = transpose(dscores) @ q  # ∂(9)
    dh = dh + dq @ Wq.T + dk @ Wk.T  # ∂(8): it was q = h Wq, k = h Wk
    dWq = weight_gradient(h, dq)  # ∂(8)
    dWk = weight_gradient(h, dk)  # ∂(8)
    return dh, {"Wq": dWq, "Wk": dWk}


def step(h, states, keys, Wq):
    """The last row of `forward` alone: the newest state h (..., H) attends to all states so far.

    states, keys (..., T, H): h and k of every step, this one the last. Returns long (..., H) and
    the weights (..., T).
    """
    q = h @ Wq  # (8)
    scores = (keys @ q[..., None])[..., 0] / sqrt(q.shape[-1])  # (9)
    w = softmax(scores)  # (9)
    long = (w[..., None, :] @ states)[..., 0, :]  # (10)
    return long, w


def last(h, Wq, Wk, lengths):
    """The row of `forward` at each history's end, all that a recommendation needs: long (B, H).

    h (B, T, H), lengths (B,): real steps. As q·k_s = h_s · (Wk q), no key has to be computed.
    """
    q = h[np.arange(len(h)), lengths - 1] @ Wq
    scores = (h @ (q @ Wk.T)[..., None])[..., 0] / sqrt(q.shape[-1])
    future = np.arange(h.shape[1]) >= lengths[:, None]
    w = softmax(np.where(future, -np.inf, scores))
    return (w[:, None, :] @ h)[:, 0]
