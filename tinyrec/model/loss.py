"""The loss: binary cross-entropy over the next item and K sampled others (article §5.2).

gBCE's weighting (Petrov & Macdonald, RecSys 2023): with few of the many other items sampled,
plain cross-entropy makes a model overconfident; a weight β ≤ 1 on the positive undoes that.

Shapes, with any number of leading axes (none for one user, B for a batch):
    z_positive (..., T)    z_negative (..., T, K)    lengths (...) int, real rows of each user
"""

from typing import NamedTuple

import numpy as np

from .functions import sigmoid, softplus


class Cache(NamedTuple):
    z_positive: np.ndarray  # (..., T)
    z_negative: np.ndarray  # (..., T, K)
    weight: np.ndarray  # (..., T): each row's share of the mean, zero where padded
    beta: float


def beta(items, negatives, t):
    """β = 1 − t (1 − α): t = 0 is plain cross-entropy, t = 1 calibrates as if every item had been
    a negative.
    """
    return 1 - t * (1 - share(items, negatives))


def log_odds(z, items, negatives, t):
    """The log-odds that an item is the next one, from its logit z; σ of them is its chance p.

    In (13) an item is a row's positive with chance p and weight β, and its negative with chance
    α where it is not: the odds that are learnt are e^z = β p / (α (1 − p)).
    """
    return z + np.log(share(items, negatives) / beta(items, negatives, t)).astype(z.dtype)


def beats_one_drawn(log_odds, items):
    """The log-odds that of two offers, the next item and another one drawn evenly, it is the
    first, from its log-odds of being the next of all.
    """
    return log_odds + np.log(max(1, items - 1)).astype(log_odds.dtype)


def share(items, negatives):
    """α = K / (N − 1), the share of the other items that is sampled."""
    return min(1.0, negatives / max(1, items - 1))


def prior_logits(counts, negatives, beta):
    """Where the item biases start, (N,): the log-odds that the sampling implies.

    counts (N,): how often each item was taken. An item is one row's positive in proportion to
    its count and its negative K times as often as one drawn evenly.
    """
    smoothed = counts + 1.0
    return np.log(smoothed / smoothed.mean()) + np.log(beta / negatives)


def forward(z_positive, z_negative, lengths, beta, rows=None):
    """Returns the loss, a number, and the cache; rows: real rows to average over (all here)."""
    T, K = z_negative.shape[-2:]
    lengths = np.asarray(lengths)
    real = np.arange(T) < lengths[..., None]
    rows = rows or lengths.sum()
    weight = real.astype(z_positive.dtype) / int(rows * (K + 1))
    row_loss = beta * softplus(-z_positive) + softplus(z_negative).sum(axis=-1)  # (13)
    loss = (weight * row_loss).sum()  # (13)
    return loss, Cache(z_positive, z_negative, weight, beta)


def backward(dloss, cache):
    """Returns the logits' gradients (dz_positive, dz_negative) and no parameters."""
    weight = dloss * cache.weight
    dz_positive = -weight * cache.beta * sigmoid(-cache.z_positive)  # ∂(13): of β log(1 + e^−z)
    dz_negative = weight[..., None] * sigmoid(cache.z_negative)  # ∂(13): of log(1 + e^z)
    return (dz_positive, dz_negative), {}
