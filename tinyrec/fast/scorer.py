"""The scorer of model/scorer.py, what it gathers and scatters compiled. Same names and results."""

from typing import NamedTuple

import numpy as np

from ..model.functions import transpose
from .functions import add_rows, add_scaled, batched, check, check_picked, jit

ITEMS = 4096  # whose vectors are multiplied at a time, so that their logits stay in the cache


class Cache(NamedTuple):
    u: np.ndarray  # (B, T, D)
    E: np.ndarray  # (N, D)
    bias: np.ndarray  # (N,)
    positives: np.ndarray  # (B, T)
    negatives: np.ndarray  # (B, K)
    E_negative: np.ndarray  # (B, K, D)


def forward(u, E, bias, positives, negatives):
    """As model.scorer.forward: the logits (..., T) and (..., T, K), and the cache."""
    *leading, T, _ = u.shape
    K = negatives.shape[-1]
    check(E=(E, (len(E), u.shape[-1])), bias=(bias, E.shape[:1]),
          positives=(positives, u.shape[:-1]))  # fmt: skip
    u, positives, negatives = batched(u, 2), batched(positives, 1), batched(negatives, 1)
    E_negative = E.take(negatives, axis=0)
    check_picked(positives, E)
    z_negative = u @ transpose(E_negative)
    z_negative += bias[negatives][:, None, :]
    z_positive = np.empty((len(u), T), u.dtype)
    score_positives(u, E, bias, positives, z_positive)
    logits = z_positive.reshape(*leading, T), z_negative.reshape(*leading, T, K)
    return logits, Cache(u, E, bias, positives, negatives, E_negative)


def backward(dlogits, cache):
    """As model.scorer.backward: du (..., T, D) and {"E", "bias"}."""
    u, E, bias, positives, negatives, E_negative = cache
    check(dz_positive=(batched(dlogits[0], 1), positives.shape))
    dz_positive, dz_negative = batched(dlogits[0], 1), batched(dlogits[1], 2)
    dE, dbias = np.zeros_like(E), np.zeros_like(bias)
    du = dz_negative @ E_negative
    score_positives_backward(u, E, positives, dz_positive, du, dE, dbias)
    add_rows(dE, negatives.ravel(), batched(transpose(dz_negative) @ u, 1))
    add_rows(dbias[:, None], negatives.ravel(), dz_negative.sum(axis=-2).reshape(-1, 1))
    return du.reshape(*dlogits[0].shape, -1), {"E": dE, "bias": dbias}


def every_item(u, E, bias):
    """As model.scorer.every_item. BLAS is quicker with many rows times few columns than the
    other way round.
    """
    across = batched(u, 1).T
    z = np.empty((across.shape[1], len(E)), u.dtype)
    for start in range(0, len(E), ITEMS):
        some = slice(start, start + ITEMS)
        z[:, some] = (E[some] @ across).T
        z[:, some] += bias[some]
    return z.reshape(*u.shape[:-1], -1)


@jit
def score_positives(u, E, bias, positives, z):
    B, T = positives.shape
    for b in range(B):
        for t in range(T):
            item = positives[b, t]
            z[b, t] = dot(u[b, t], E[item]) + bias[item]


@jit
def dot(a, b):
    total = a.dtype.type(0)
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@jit
def score_positives_backward(u, E, positives, dz, du, dE, dbias):
    B, T = positives.shape
    for b in range(B):
        for t in range(T):
            item = positives[b, t]
            add_scaled(du[b, t], dz[b, t], E[item])
            add_scaled(dE[item], dz[b, t], u[b, t])
            dbias[item] += dz[b, t]
