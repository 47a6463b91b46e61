"""The loss of model/loss.py: loss and gradient in one pass over the logits.

log(1 + e^z) = max(z, 0) + log(1 + e^−|z|), and the logarithms of a row are the logarithm of a
product: one logarithm for 64 negatives.
"""

from typing import NamedTuple

import numpy as np

from .functions import batched, exp, jit

LOGARITHM_EVERY = 64  # factors of at most 2 each: their product fits any float


class Cache(NamedTuple):
    dz_positive: np.ndarray  # (..., T)
    dz_negative: np.ndarray  # (..., T, K)


def forward(z_positive, z_negative, lengths, beta, rows=None):
    """As model.loss.forward: the loss and the cache, which holds the gradients already."""
    lengths = np.asarray(lengths)
    K, real = z_negative.shape[-1], z_positive.dtype.type
    weight = real(1 / (int(rows or lengths.sum()) * (K + 1)))
    positive, negative = batched(z_positive, 1), batched(z_negative, 2)
    dz_positive, dz_negative = np.empty_like(positive), np.empty_like(negative)
    total = loss_rows(
        positive, negative, lengths.reshape(-1), real(beta), weight, dz_positive, dz_negative
    )
    gradients = dz_positive.reshape(z_positive.shape), dz_negative.reshape(z_negative.shape)
    return real(total * weight), Cache(*gradients)


def backward(dloss, cache):
    """As model.loss.backward: (dz_positive, dz_negative) and no parameters."""
    if dloss == 1:
        return tuple(cache), {}
    dloss = cache.dz_positive.dtype.type(dloss)
    return (dloss * cache.dz_positive, dloss * cache.dz_negative), {}


@jit
def loss_rows(z_positive, z_negative, lengths, beta, weight, dz_positive, dz_negative):
    """Fills the gradients, zero where padded; returns the sum of the real rows' losses."""
    B, T = z_positive.shape
    total = 0.0
    for b in range(B):
        for t in range(T):
            if t < lengths[b]:
                z = z_positive[b, t]
                total += beta * (max(-z, 0) + np.log1p(np.exp(-abs(z))))
                total += negatives_row(z_negative[b, t], weight, dz_negative[b, t])
                dz_positive[b, t] = -beta * weight / (1 + np.exp(z))
            else:
                dz_positive[b, t] = 0
                dz_negative[b, t] = 0
    return total


@jit
def negatives_row(z, weight, dz):
    """dz (K,) becomes weight σ(z); returns Σ log(1 + e^z)."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    total = zero
    for j in range(z.size):
        total += max(z[j], zero)
    for j in range(z.size):
        dz[j] = exp(-abs(z[j]))
    for start in range(0, z.size, LOGARITHM_EVERY):
        product = one
        for j in range(start, min(start + LOGARITHM_EVERY, z.size)):
            product *= one + dz[j]
        total += np.log(product)
    for j in range(z.size):
        smaller = weight * dz[j] / (one + dz[j])  # weight σ(−|z|)
        dz[j] = smaller if z[j] < zero else weight - smaller
    return total
