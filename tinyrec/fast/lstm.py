"""The LSTM of model/lstm.py, its loop over time compiled. Same names, same results.

x W, dW, dU and dx are large matrix products and stay NumPy's. What NumPy cannot do at once is
the walk along the history: per step h U is added for four users at a time, then the equations
are a few short passes over a row that is still in the first cache. Time comes first in here: the
rows of a step then lie side by side.
"""

from typing import NamedTuple

import numpy as np

from ..model.functions import weight_gradient
from .functions import add_product, batched, check, jit, product, tanh

CACHE_BYTES = 2**18  # of U that are read before the next users' turn


class Cache(NamedTuple):
    x: np.ndarray  # (T, B, D)
    W: np.ndarray  # (D, 4H)
    U: np.ndarray  # (H, 4H)
    gates: np.ndarray  # (T, B, 4H), after σ and tanh
    h: np.ndarray  # (T + 1, B, H), before the first step and after each
    c: np.ndarray  # (T + 1, B, H)
    shape: tuple  # (..., T, D), that of x as it was given


def forward(x, W, U, b, state=None):
    """As model.lstm.forward: h (..., T, H) and the cache."""
    shape, H = x.shape, len(U)
    check(W=(W, (shape[-1], 4 * H)), U=(U, (H, 4 * H)), b=(b, (4 * H,)))
    x = time_first(batched(x, 2))
    gates = product(x, W)
    T, B, _ = gates.shape
    h, c = np.empty((2, T + 1, B, H), gates.dtype)
    h[0], c[0] = (0, 0) if state is None else (batched(each, 1) for each in state)
    U_chunks = in_chunks(U.astype(gates.dtype, copy=False))
    b_chunks = b.astype(gates.dtype, copy=False).reshape(len(U_chunks), -1)
    walk_forward(gates, U_chunks, b_chunks, h, c)
    return time_first(h[1:]).reshape(*shape[:-1], H), Cache(x, W, U, gates, h, c, shape)


def backward(dh, cache):
    """As model.lstm.backward: dx (..., T, D) and {"W", "U", "b"}."""
    x, W, U, gates, h, c, shape = cache
    check(dh=(dh, (*shape[:-1], len(U))))
    dz = np.empty_like(gates)
    db = np.zeros(U.shape[1], gates.dtype)
    U_transposed = np.ascontiguousarray(U.T, gates.dtype)
    walk_backward(batched(dh, 2), gates, c, U_transposed, dz, db)
    dW = weight_gradient(x, dz)
    dU = weight_gradient(h[:-1], dz)
    dx = time_first(product(dz, W.T)).reshape(shape)
    return dx, {"W": dW, "U": dU, "b": db}


def time_first(a):
    """(B, T, H) as (T, B, H), and the other way round."""
    return np.ascontiguousarray(a.swapaxes(0, 1))


def in_chunks(U):
    """U (H, 4H) whole or, where it is large, a gate at a time: (chunks, H, 4H / chunks)."""
    chunks = 1 if U.nbytes <= CACHE_BYTES else 4
    return np.ascontiguousarray(U.reshape(len(U), chunks, -1).transpose(1, 0, 2))


@jit
def walk_forward(gates, U, bias, h, c):
    """gates (T, B, 4H) holds x W and becomes the gates; h, c (T + 1, B, H) are filled from 1 on.

    U (chunks, H, 4H / chunks), bias (chunks, 4H / chunks).
    """
    T, B, _ = gates.shape
    chunks, _, width = U.shape
    hU_b = np.empty((chunks, B, width), h.dtype)
    for t in range(T):
        for chunk in range(chunks):
            for b in range(B):
                copy(hU_b[chunk, b], bias[chunk])
            add_product(hU_b[chunk], h[t], U[chunk])
        for b in range(B):
            for chunk in range(chunks):
                add_at(gates[t, b], chunk * width, hU_b[chunk, b])
            step(gates[t, b], c[t, b], c[t + 1, b], h[t + 1, b])


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
def walk_backward(dh, gates, c, U_transposed, dz, db):
    """Fills dz (T, B, 4H) from dh (B, T, H), gates (T, B, 4H), c (T + 1, B, H).

    U_transposed (4H, H); db (4H,) is added to.
    """
    B, T, H = dh.shape
    dh_now, dc = np.zeros((B, H), dz.dtype), np.zeros((B, H), dz.dtype)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            add_at(dh_now[b], 0, dh[b, t])
            step_backward(dz[t, b], dh_now[b], dc[b], gates[t, b], c[t, b], c[t + 1, b])
            add_at(db, 0, dz[t, b])
        dh_now[:] = 0
        add_product(dh_now, dz[t], U_transposed)


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
