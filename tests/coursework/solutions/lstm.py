"""The LSTM by one product a step over [x ; h], users first."""

import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def forward(x, W, U, b, state=None):
    alone = x.ndim == 2
    x = x[None] if alone else x
    n, T, _ = x.shape
    H = len(U)
    h0, c0 = state if state is not None else (np.zeros((n, H)), np.zeros((n, H)))
    h, c, kept, out = np.reshape(h0, (n, H)), np.reshape(c0, (n, H)), [], []
    for t in range(T):
        a = np.concatenate([x[:, t], h], 1) @ np.concatenate([W, U], 0) + b
        i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
        new = f * c + i * g
        kept.append((h, c, i, f, g, o, new))
        h, c = o * np.tanh(new), new
        out.append(h)
    out = np.stack(out, 1)
    return (out[0] if alone else out), (x, W, U, kept, alone)


def backward(dh, cache):
    x, W, U, kept, alone = cache
    dh = dh[None] if alone else dh
    H = len(U)
    dx, dW, dU, db = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros(4 * H)
    back, dc = 0, 0
    for t in range(len(kept) - 1, -1, -1):
        h, c, i, f, g, o, new = kept[t]
        d = dh[:, t] + back
        dc = dc + d * o / np.cosh(new) ** 2
        da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g),
                        d * np.tanh(new) * o * (1 - o)])
        dx[:, t], back, dc = np.einsum("bg,dg->bd", da, W), da @ U.T, dc * f
        dW, dU, db = dW + x[:, t].T @ da, dU + h.T @ da, db + da.sum(0)
    return (dx[0] if alone else dx), dict(W=dW, U=dU, b=db)
