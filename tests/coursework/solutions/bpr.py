"""Bayesian personalised ranking (Rendle et al., 2009): the next item above each of K others.

z_positive (..., T)    z_negative (..., T, K)    lengths (...) int, real rows of each user
"""

import numpy as np


def forward(z_positive, z_negative, lengths):
    """Returns the loss, a number, and a cache."""
    T, K = z_negative.shape[-2:]
    lengths = np.asarray(lengths)
    difference = z_positive[..., None] - z_negative
    weight = (np.arange(T) < lengths[..., None]) / (lengths.sum() * K)
    loss = (weight[..., None] * np.logaddexp(0, -difference)).sum()  # (29)
    return loss, (difference, weight)


def backward(dloss, cache):
    """Returns (dz_positive, dz_negative) and {}."""
    difference, weight = cache
    d = -dloss * weight[..., None] * (0.5 - 0.5 * np.tanh(0.5 * difference))  # ∂(29)
    dz_positive = d.sum(axis=-1)
    dz_negative = -d
    return (dz_positive, dz_negative), {}
