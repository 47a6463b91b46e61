"""The attention of model/attention.py, its softmax compiled. Same names, same results.

Two products are saved: q·k = h Wq Wkᵀ hᵀ needs one H × H matrix M = Wq Wkᵀ and one projection of
h instead of two. And the T × T products are taken in strips, so that most of what lies in the
future is never computed; of the small products, BLAS takes those with rows times a matrix
nearly twice as fast as those with rows times rows, so hᵀ is laid out once.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from ..model.attention import last  # noqa: F401
from ..model.functions import transpose, weight_gradient
from .functions import batched, exp, jit, product

STRIP = 40  # rows of the T × T products at a time


class Cache(NamedTuple):
    h: np.ndarray  # (B, T, H)
    h_across: np.ndarray  # (B, H, T), the same with time across
    Wq: np.ndarray  # (H, K)
    Wk: np.ndarray  # (H, K)
    hM: np.ndarray  # (B, T, H), h Wq Wkᵀ
    w: np.ndarray  # (..., T, T), rows sum to one


def forward(h, Wq, Wk):
    """As model.attention.forward: long (..., T, H) and the cache."""
    shape, h = h.shape, batched(h, 2)
    B, T, _ = h.shape
    hM = product(h, Wq @ Wk.T)
    h_across = np.ascontiguousarray(transpose(h))
    w = np.empty((B, T, T), h.dtype)
    long = np.empty_like(h)
    for rows in strips(T):
        past = slice(0, rows.stop)
        np.matmul(hM[:, rows], h_across[..., past], out=w[:, rows, past])
    softmax_rows(w, h.dtype.type(1 / sqrt(Wq.shape[1])))
    for rows in strips(T):
        past = slice(0, rows.stop)
        np.matmul(w[:, rows, past], h[:, past], out=long[:, rows])
    return long.reshape(shape), Cache(h, h_across, Wq, Wk, hM, w.reshape(*shape[:-1], T))


def backward(dlong, cache):
    """As model.attention.backward: dh (..., T, H) and {"Wq", "Wk"}."""
    h, h_across, Wq, Wk, hM, w = cache
    shape, dlong, w = dlong.shape, batched(dlong, 2), batched(w, 2)
    T = h.shape[1]
    dscores = np.empty_like(w)
    dhM, dh, part = np.empty_like(h), np.empty_like(h), np.empty_like(h)
    for rows in strips(T):
        past = slice(0, rows.stop)
        np.matmul(dlong[:, rows], h_across[..., past], out=dscores[:, rows, past])
    softmax_rows_backward(w, dscores, h.dtype.type(1 / sqrt(Wq.shape[1])))
    for rows in strips(T):
        past, later = slice(0, rows.stop), slice(rows.start, T)
        np.matmul(dscores[:, rows, past], h[:, past], out=dhM[:, rows])
        np.matmul(transpose(w[:, later, rows]), dlong[:, later], out=dh[:, rows])
        np.matmul(transpose(dscores[:, later, rows]), hM[:, later], out=part[:, rows])
    dh += part
    dh += product(dhM, Wk @ Wq.T)
    dM = weight_gradient(h, dhM)
    return dh.reshape(shape), {"Wq": dM @ Wk, "Wk": dM.T @ Wq}


def strips(T):
    """Slices of at most STRIP rows that cover T."""
    return [slice(start, min(start + STRIP, T)) for start in range(0, T, STRIP)]


@jit
def softmax_rows(w, scale):
    """w (B, T, T): row t of scores becomes weights over s ≤ t, and zeros after t."""
    B, T, _ = w.shape
    for b in range(B):
        for t in range(T):
            softmax_row(w[b, t], t + 1, scale)


@jit
def softmax_row(row, count, scale):
    largest = row[0]
    for s in range(count):
        largest = max(largest, row[s])
    for s in range(count):
        row[s] = exp(scale * (row[s] - largest))
    total = row.dtype.type(0)
    for s in range(count):
        total += row[s]
    share = row.dtype.type(1) / total
    for s in range(count):
        row[s] *= share
    row[count:] = 0


@jit
def softmax_rows_backward(w, d, scale):
    """d (B, T, T): ∂ of the weights becomes ∂ of the scores before scaling."""
    B, T, _ = w.shape
    for b in range(B):
        for t in range(T):
            softmax_row_backward(w[b, t], d[b, t], t + 1, scale)


@jit
def softmax_row_backward(w, d, count, scale):
    mean = w.dtype.type(0)
    for s in range(count):
        mean += w[s] * d[s]
    for s in range(count):
        d[s] = scale * w[s] * (d[s] - mean)
    d[count:] = 0
