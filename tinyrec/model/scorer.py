"""The scorer: will this user take this candidate next? (article §5.2, Dense(1, sigmoid))

Shapes, with any number of leading axes (none for one user, B for a batch):
    u (..., T, D)    E (N, D), the same item vectors as in (1)    bias (N,)
    positives (..., T) int, the next item of each row    negatives (..., K) int, a user's own
Logits z are what is learnt from and ranked by; σ(z) is the probability that is shown.
"""

from typing import NamedTuple

import numpy as np

from .functions import transpose


class Cache(NamedTuple):
    u: np.ndarray  # (..., T, D)
    E: np.ndarray  # (N, D)
    bias: np.ndarray  # (N,)
    positives: np.ndarray  # (..., T)
    negatives: np.ndarray  # (..., K)


def forward(u, E, bias, positives, negatives):
    """Returns the logits of the next items (..., T) and of the negatives (..., T, K)."""
    z_positive = (u * E[positives]).sum(axis=-1) + bias[positives]  # (12)
    z_negative = u @ transpose(E[negatives]) + bias[negatives][..., None, :]  # (12)
    return (z_positive, z_negative), Cache(u, E, bias, positives, negatives)


def backward(dlogits, cache):
    """Returns du (..., T, D) and {"E", "bias"}."""
    dz_positive, dz_negative = dlogits
    u, E, bias, positives, negatives = cache
    du = dz_positive[..., None] * E[positives] + dz_negative @ E[negatives]  # ∂(12)
    dE, dbias = np.zeros_like(E), np.zeros_like(bias)
    np.add.at(dE, positives, dz_positive[..., None] * u)  # ∂(12): it was z = u · E[c]
    np.add.at(dE, negatives, transpose(dz_negative) @ u)  # ∂(12)
    np.add.at(dbias, positives, dz_positive)  # ∂(12)
    np.add.at(dbias, negatives, dz_negative.sum(axis=-2))  # ∂(12)
    return du, {"E": dE, "bias": dbias}


def every_item(u, E, bias):
    """The logits of all items for u (..., D): (..., N), to rank the whole catalogue."""
    return u @ E.T + bias  # (12)
