"""LSTM with coupled gates: what is let in is what was forgotten, i = 1 − f. Order f, g, o.

x (..., T, D)    W (D, 3H)    U (H, 3H)    b (3H,)    state (h0, c0), each (..., H)
h (..., T, H)
"""

import numpy as np


def sigmoid(a):
    return 0.5 * np.tanh(0.5 * a) + 0.5


def forward(x, W, U, b, state=None):
    """Returns h (..., T, H) and a cache."""
    *leading, T, _ = x.shape
    H = len(U)
    h_prev, c_prev = np.zeros((2, *leading, H)) if state is None else state
    steps, h = [], []
    for t in range(T):
        a = x[..., t, :] @ W + h_prev @ U + b
        f = sigmoid(a[..., :H])  # (21)
        g = np.tanh(a[..., H : 2 * H])  # (22)
        o = sigmoid(a[..., 2 * H :])  # (23)
        c = f * c_prev + (1 - f) * g  # (24)
        h_t = o * np.tanh(c)  # (25)
        steps.append((h_prev, c_prev, f, g, o, c))
        h.append(h_t)
        h_prev, c_prev = h_t, c
    return np.stack(h, axis=-2), (x, W, U, steps)


def backward(dh, cache):
    """Returns dx (..., T, D) and {"W", "U", "b"}."""
    x, W, U, steps = cache
    da = np.empty((*x.shape[:-1], W.shape[1]))
    dU = np.zeros_like(U)
    dh_next = dc_next = np.zeros_like(dh[..., 0, :])
    for t in reversed(range(len(steps))):
        h_prev, c_prev, f, g, o, c = steps[t]
        d = dh[..., t, :] + dh_next
        do = d * np.tanh(c)  # ∂(25)
        dc = dc_next + d * o * (1 - np.tanh(c) ** 2)  # ∂(25)
        df = dc * (c_prev - g)  # ∂(24)
        dg = dc * (1 - f)  # ∂(24)
        dc_next = dc * f  # ∂(24)
        df = df * f * (1 - f)  # ∂(21)
        dg = dg * (1 - g**2)  # ∂(22)
        do = do * o * (1 - o)  # ∂(23)
        da_t = np.concatenate([df, dg, do], axis=-1)
        dh_next = da_t @ U.T
        da[..., t, :] = da_t
        dU += rows(h_prev).T @ rows(da_t)
    dW = rows(x).T @ rows(da)
    db = rows(da).sum(axis=0)
    dx = da @ W.T
    return dx, {"W": dW, "U": dU, "b": db}


def rows(a):
    return a.reshape(-1, a.shape[-1])
