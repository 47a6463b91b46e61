"""Gated recurrent unit. Gates in the order r, z, n.

x (..., T, D)    W (D, 3H)    U (H, 3H)    b (3H,)    state, h_{t−1} (..., H)    h (..., T, H)
"""

import numpy as np


def sigmoid(a):
    return 0.5 * np.tanh(0.5 * a) + 0.5


def forward(x, W, U, b, state=None):
    """Returns h (..., T, H) and a cache."""
    *leading, T, _ = x.shape
    H = len(U)
    h_prev = np.zeros((*leading, H)) if state is None else state
    Ur, Uz, Un = np.split(U, 3, axis=1)
    xW = x @ W + b
    steps, h = [], []
    for t in range(T):
        ar, az, an = np.split(xW[..., t, :], 3, axis=-1)
        r = sigmoid(ar + h_prev @ Ur)  # (17)
        z = sigmoid(az + h_prev @ Uz)  # (18)
        n = np.tanh(an + (r * h_prev) @ Un)  # (19)
        h_t = (1 - z) * n + z * h_prev  # (20)
        steps.append((h_prev, r, z, n))
        h.append(h_t)
        h_prev = h_t
    return np.stack(h, axis=-2), (x, W, U, steps)


def backward(dh, cache):
    """Returns dx (..., T, D) and {"W", "U", "b"}."""
    x, W, U, steps = cache
    Ur, Uz, Un = np.split(U, 3, axis=1)
    da = np.empty((*x.shape[:-1], W.shape[1]))
    dU = np.zeros_like(U)
    carry = np.zeros_like(dh[..., 0, :])
    for t in reversed(range(len(steps))):
        h_prev, r, z, n = steps[t]
        d = dh[..., t, :] + carry
        dn = d * (1 - z)  # ∂(20)
        dz = d * (h_prev - n)  # ∂(20)
        dh_prev = d * z  # ∂(20)
        dan = dn * (1 - n**2)  # ∂(19)
        drh = dan @ Un.T  # ∂(19)
        dr = drh * h_prev  # ∂(19)
        dh_prev = dh_prev + drh * r  # ∂(19)
        dar = dr * r * (1 - r)  # ∂(17)
        daz = dz * z * (1 - z)  # ∂(18)
        dh_prev = dh_prev + dar @ Ur.T + daz @ Uz.T  # ∂(17), ∂(18)
        carry = dh_prev
        da[..., t, :] = np.concatenate([dar, daz, dan], axis=-1)
        dU += np.hstack([rows(h_prev).T @ rows(dar), rows(h_prev).T @ rows(daz),
                         rows(r * h_prev).T @ rows(dan)])  # fmt: skip
    dW = rows(x).T @ rows(da)
    db = rows(da).sum(axis=0)
    dx = da @ W.T
    return dx, {"W": dW, "U": dU, "b": db}


def rows(a):
    return a.reshape(-1, a.shape[-1])
