"""The LSTM of model/lstm.py, its loop over time compiled. Same names, same results.

x W, dW, dU and dx are large matrix products and stay NumPy's. What NumPy cannot do at once is
the walk along the history: per step h U is added for four users at a time, then the equations
are a few short passes over a row that is still in the first cache.
"""

from typing import NamedTuple

import numpy as np

from ..model.functions import weight_gradient
from .functions import add_product, batched, check, jit, product, tanh

CACHE_BYTES = 2**18  # of U that are read before the next users' turn


class Cache(NamedTuple):
    x: np.ndarray  # (..., T, D)
    W: np.ndarray  # (D, 4H)
    U: np.ndarray  # (H, 4H)
    gates: np.ndarray  # (B, T, 4H), after σ and tanh
    h: np.ndarray  # (B, T, H)
    c: np.ndarray  # (B, T, H)
    h0: np.ndarray  # (B, H)
    c0: np.ndarray  # (B, H)


def forward(x, W, U, b, state=None):
    """As model.lstm.forward: h (..., T, H) and the cache."""
    *leading, T, _ = x.shape
    H = U.shape[0]
    check(W=(W, (x.shape[-1], 4 * H)), U=(U, (H, 4 * H)), b=(b, (4 * H,)))
    gates = batched(product(x, W), 2)
    B = len(gates)
    h0, c0 = np.zeros((2, B, H), gates.dtype)
    if state is not None:
        h0[:], c0[:] = map(rows, state)
    h, c = np.empty((2, B, T, H), gates.dtype)
    U_chunks = in_chunks(U.astype(gates.dtype, copy=False))
    b_chunks = b.astype(gates.dtype, copy=False).reshape(len(U_chunks), -1)
    walk_forward(gates, U_chunks, b_chunks, h0, c0, h, c)
    return h.reshape(*leading, T, H), Cache(x, W, U, gates, h, c, h0, c0)


def backward(dh, cache):
    """As model.lstm.backward: dx (..., T, D) and {"W", "U", "b"}."""
    x, W, U, gates, h, c, h0, c0 = cache
    check(dh=(dh, (*x.shape[:-1], len(U))))
    dz = np.empty_like(gates)
    db = np.zeros(U.shape[1], gates.dtype)
    U_transposed = np.ascontiguousarray(U.T, gates.dtype)
    walk_backward(batched(dh, 2), gates, c, c0, U_transposed, dz, db)
    dW = weight_gradient(x, dz)
    dU = h0.T @ dz[:, 0] + shifted_gradient(h, dz)
    dx = product(dz, W.T).reshape(x.shape)
    return dx, {"W": dW, "U": dU, "b": db}


def shifted_gradient(h, dz):
    """Σ h_{t−1}ᵀ dz_t over t ≥ 1, (H, 4H), without copying h or dz shifted.

    With all users' rows below one another, each row of h meets the row of dz after it; what
    meets across two users is taken off again.
    """
    across_users = h[:-1, -1].T @ dz[1:, 0]
    return rows(h)[:-1].T @ rows(dz)[1:] - across_users


def rows(a):
    """All rows below one another: (..., H) as (rows, H)."""
    return batched(a, 1)


def in_chunks(U):
    """U (H, 4H) whole or, where it is large, a gate at a time: (chunks, H, 4H / chunks)."""
    chunks = 1 if U.nbytes <= CACHE_BYTES else 4
    return np.ascontiguousarray(U.reshape(len(U), chunks, -1).transpose(1, 0, 2))


@jit
def walk_forward(gates, U, bias, h0, c0, h, c):
    """gates (B, T, 4H) holds x W and becomes the gates; h, c (B, T, H) are filled.

    U (chunks, H, 4H / chunks), bias (chunks, 4H / chunks), h0 and c0 (B, H).
    """
    B, T, _ = h.shape
    chunks, _, width = U.shape
    h_now = h0.copy()
    hU_b = np.empty((chunks, B, width), h.dtype)
    for t in range(T):
        for chunk in range(chunks):
            for b in range(B):
                copy(hU_b[chunk, b], bias[chunk])
            add_product(hU_b[chunk], h_now, U[chunk])
        for b in range(B):
            for chunk in range(chunks):
                add_at(gates[b, t], chunk * width, hU_b[chunk, b])
            c_prev = c0[b] if t == 0 else c[b, t - 1]
            step(gates[b, t], c_prev, c[b, t], h_now[b])
            copy(h[b, t], h_now[b])


@jit
def copy(out, a):
    for j in range(a.size):
        out[j] = a[j]


@jit
def add_at(out, at, a):
    for j in range(a.size):
        out[j + at] += a[j]


@jit
def step(z, c_prev, c, h):
    """One user's step: z (4H,) becomes the gates, c and h (H,) are filled."""
    H = h.size
    half = h.dtype.type(0.5)
    for j in range(2 * H):
        z[j] = half * tanh(half * z[j]) + half  # (2), (3)
    for j in range(H):
        z[j + 2 * H] = tanh(z[j + 2 * H])  # (4)
    for j in range(H):
        z[j + 3 * H] = half * tanh(half * z[j + 3 * H]) + half  # (5)
    for j in range(H):
        c_now = z[j + H] * c_prev[j] + z[j] * z[j + 2 * H]  # (6)
        c[j] = c_now
        h[j] = z[j + 3 * H] * tanh(c_now)  # (7)


@jit
def walk_backward(dh, gates, c, c0, U_transposed, dz, db):
    """Fills dz (B, T, 4H) from dh, c (B, T, H), gates (B, T, 4H), U_transposed (4H, H).

    db (4H,) is added to.
    """
    B, T, H = dh.shape
    dh_now, dc = np.zeros((B, H), dz.dtype), np.zeros((B, H), dz.dtype)
    dz_now = np.empty((B, 4 * H), dz.dtype)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            add_at(dh_now[b], 0, dh[b, t])
            c_prev = c0[b] if t == 0 else c[b, t - 1]
            step_backward(dz_now[b], dh_now[b], dc[b], gates[b, t], c_prev, c[b, t])
            add_at(db, 0, dz_now[b])
            copy(dz[b, t], dz_now[b])
        dh_now[:] = 0
        add_product(dh_now, dz_now, U_transposed)


@jit
def step_backward(dz, dh, dc, gates, c_prev, c):
    """One user's step: dz (4H,) is filled, dc (H,) becomes that of the step before."""
    H, one = dh.size, dh.dtype.type(1)
    for j in range(H):
        o, tanh_c = gates[j + 3 * H], tanh(c[j])
        dh_o = dh[j] * o
        dz[j + 3 * H] = dh[j] * tanh_c * (o - o * o)  # ∂(7), ∂(5)
        dc[j] += dh_o - dh_o * tanh_c * tanh_c  # ∂(7)
    for j in range(H):
        i, g = gates[j], gates[j + 2 * H]
        dz[j] = dc[j] * g * (i - i * i)  # ∂(6), ∂(2)
        dz[j + 2 * H] = dc[j] * i * (one - g * g)  # ∂(6), ∂(4)
    for j in range(H):
        f = gates[j + H]
        dz[j + H] = dc[j] * c_prev[j] * (f - f * f)  # ∂(6), ∂(3)
        dc[j] *= f  # ∂(6)
