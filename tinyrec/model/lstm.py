"""Long short-term memory: one state that walks along the history (article §3.2.2, §4.2).

Shapes, with any number of leading axes (none for one user, B for a batch):
    x (..., T, D)    W (D, 4H)    U (H, 4H)    b (4H,)    h, c (..., T, H)
The four gates stand side by side in the order i, f, g, o. A step looks only to its left, so
padding on the right changes nothing and no mask is needed.
"""

from typing import NamedTuple

import numpy as np

from .functions import bias_gradient, sigmoid, split, weight_gradient


class Cache(NamedTuple):
    x: np.ndarray  # (..., T, D)
    W: np.ndarray  # (D, 4H)
    U: np.ndarray  # (H, 4H)
    gates: np.ndarray  # (..., T, 4H), after σ and tanh
    h: np.ndarray  # (..., T, H)
    c: np.ndarray  # (..., T, H)
    h0: np.ndarray  # (..., H), the state before the first step
    c0: np.ndarray  # (..., H)


def step(z, c_prev):
    """One step from its pre-activations z (..., 4H): returns h, c (..., H) and i, f, g, o."""
    i, f, g, o = split(z, 4)
    i = sigmoid(i)  # (2)
    f = sigmoid(f)  # (3)
    g = np.tanh(g)  # (4)
    o = sigmoid(o)  # (5)
    c = f * c_prev + i * g  # (6)
    h = o * np.tanh(c)  # (7)
    return h, c, (i, f, g, o)


def step_backward(dh, dc, c, c_prev, gates):
    """From ∂h and ∂c (..., H) of one step: returns dz (..., 4H) and ∂c of the step before."""
    i, f, g, o = split(gates, 4)
    tanh_c = np.tanh(c)
    do = dh * tanh_c  # ∂(7): it was h = o tanh(c)
    dc = dc + dh * o * (1 - tanh_c**2)  # ∂(7)
    di = dc * g  # ∂(6): it was c = f c_prev + i g
    df = dc * c_prev  # ∂(6)
    dg = dc * i  # ∂(6)
    dc_prev = dc * f  # ∂(6)
    di = di * i * (1 - i)  # ∂(2): it was i = σ(z), whose slope is i (1 − i)
    df = df * f * (1 - f)  # ∂(3)
    dg = dg * (1 - g**2)  # ∂(4): it was g = tanh(z)
    do = do * o * (1 - o)  # ∂(5)
    return np.concatenate([di, df, dg, do], axis=-1), dc_prev


def forward(x, W, U, b, state=None):
    """Returns h (..., T, H) and the cache; state = (h0, c0), each (..., H), or zeros."""
    *leading, T, _ = x.shape
    H = U.shape[0]
    h0, c0 = state or (np.zeros((*leading, H), x.dtype), np.zeros((*leading, H), x.dtype))
    z = x @ W + b  # (2)–(5): the part that needs no h, for all steps at once
    gates = np.empty_like(z)
    h = np.empty((*leading, T, H), z.dtype)
    c = np.empty((*leading, T, H), z.dtype)
    h_prev, c_prev = h0, c0
    for t in range(T):
        z_t = z[..., t, :] + h_prev @ U  # (2)–(5): and the part that needs it
        h_prev, c_prev, gates_t = step(z_t, c_prev)
        gates[..., t, :] = np.concatenate(gates_t, axis=-1)
        h[..., t, :] = h_prev
        c[..., t, :] = c_prev
    return h, Cache(x, W, U, gates, h, c, h0, c0)


def backward(dh, cache):
    """Backward through time: returns dx (..., T, D) and {"W", "U", "b"}."""
    x, W, U, gates, h, c, h0, c0 = cache
    h_before = np.concatenate([h0[..., None, :], h[..., :-1, :]], axis=-2)
    c_before = np.concatenate([c0[..., None, :], c[..., :-1, :]], axis=-2)
    dz = np.empty_like(gates)
    dh_next, dc_next = np.zeros_like(h0), np.zeros_like(c0)
    for t in reversed(range(x.shape[-2])):
        dh_t = dh[..., t, :] + dh_next
        dz_t, dc_next = step_backward(
            dh_t, dc_next, c[..., t, :], c_before[..., t, :], gates[..., t, :]
        )
        dh_next = dz_t @ U.T  # ∂(2)–∂(5): it was z = x W + h_prev U + b
        dz[..., t, :] = dz_t
    dx = dz @ W.T  # ∂(2)–∂(5)
    dW = weight_gradient(x, dz)  # ∂(2)–∂(5)
    dU = weight_gradient(h_before, dz)  # ∂(2)–∂(5)
    db = bias_gradient(dz)  # ∂(2)–∂(5)
    return dx, {"W": dW, "U": dU, "b": db}
