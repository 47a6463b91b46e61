"""Additive attention (Bahdanau et al., 2015), causal: a small network scores each pair.

h, long (..., T, H)    Wq, Wk (H, A)    v (A,)    both (..., T, T, A)    w (..., T, T)
"""

import numpy as np


def forward(h, Wq, Wk, v):
    """Returns long (..., T, H) and a cache."""
    T = h.shape[-2]
    q, k = h @ Wq, h @ Wk
    both = np.tanh(q[..., :, None, :] + k[..., None, :, :])  # (26)
    scores = both @ v  # (26)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    w = np.exp(scores - scores.max(axis=-1, keepdims=True))  # (27)
    w = w / w.sum(axis=-1, keepdims=True)  # (27)
    long = w @ h  # (28)
    return long, (h, Wq, Wk, v, both, w)


def backward(dlong, cache):
    """Returns dh (..., T, H) and {"Wq", "Wk", "v"}."""
    h, Wq, Wk, v, both, w = cache
    dw = dlong @ h.swapaxes(-1, -2)  # ∂(28)
    dh = w.swapaxes(-1, -2) @ dlong  # ∂(28)
    dscores = w * (dw - (dw * w).sum(axis=-1, keepdims=True))  # ∂(27)
    dv = (dscores[..., None] * both).reshape(-1, len(v)).sum(axis=0)  # ∂(26)
    dsum = dscores[..., None] * v * (1 - both**2)  # ∂(26)
    dq = dsum.sum(axis=-2)  # ∂(26)
    dk = dsum.sum(axis=-3)  # ∂(26)
    dh = dh + dq @ Wq.T + dk @ Wk.T
    dWq = rows(h).T @ rows(dq)
    dWk = rows(h).T @ rows(dk)
    return dh, {"Wq": dWq, "Wk": dWk, "v": dv}


def rows(a):
    return a.reshape(-1, a.shape[-1])
