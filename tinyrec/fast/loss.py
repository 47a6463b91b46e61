"""The loss of model/loss.py: loss and gradient in one pass over the logits.

log(1 + e^z) = max(z, 0) + log(1 + e^−|z|), and the logarithms of a row are the logarithm of a
product: one logarithm for 64 negatives.
"""

from typing import NamedTuple

import numpy as np

from .functions import batched, check, exp, jit

LOGARITHM_EVERY = 64  # factors of at most 2 each: their product fits any float


class Cache(NamedTuple):
    dz_positive: np.ndarray  # (..., T)
    dz_negative: np.ndarray  # (..., T, K)


def forward(z_positive, z_negative, lengths, beta, rows=None):
    """As model.loss.forward: the loss and the cache, which holds the gradients already."""
    lengths = np.asarray(lengths)
    check(z_negative=(z_negative, (*z_positive.shape, z_negative.shape[-1])),
          lengths=(lengths, z_positive.shape[:-1]))  # fmt: skip
    if lengths.max() > z_positive.shape[-1]:
        raise IndexError(f"length {lengths.max()} of {z_positive.shape[-1]} steps")
    K, real = z_negative.shape[-1], z_positive.dtype.type
    weight = real(1 / (int(rows or lengths.sum()) * (K + 1)))
    negative = batched(z_negative, 2)
    dz_positive, dz_negative = np.empty_like(batched(z_positive, 1)), np.empty_like(negative)
    total = loss_rows(
        -batched(z_positive, 1), negative, lengths.reshape(-1), real(beta), weight,
        dz_positive, dz_negative,
    )  # fmt: skip
    gradients = dz_positive.reshape(z_positive.shape), dz_negative.reshape(z_negative.shape)
    return real(total * weight), Cache(*gradients)


def backward(dloss, cache):
    """As model.loss.backward: (dz_positive, dz_negative) and no parameters."""
    if dloss == 1:
        return tuple(cache), {}
    dloss = cache.dz_positive.dtype.type(dloss)
    return (dloss * cache.dz_positive, dloss * cache.dz_negative), {}


@jit
def loss_rows(minus_positive, z_negative, lengths, beta, weight, dz_positive, dz_negative):
    """Fills the gradients, with zeros where rows are not real; returns the sum of the losses.

    A positive's loss is that of a negative with the logit's sign changed, times β.
    """
    total = 0.0
    for b in range(len(lengths)):
        T = lengths[b]
        for t in range(T):
            total += softplus_row(z_negative[b, t], weight, dz_negative[b, t])
        row, into = minus_positive[b, :T], dz_positive[b, :T]
        total += beta * softplus_row(row, -beta * weight, into)
        dz_positive[b, T:] = 0
        dz_negative[b, T:] = 0
    return total


@jit
def softplus_row(z, weight, dz):
    """dz becomes weight σ(z); returns Σ log(1 + e^z)."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    total = zero
    for j in range(z.size):
        total += max(z[j], zero)
    for j in range(z.size):
        dz[j] = exp(-abs(z[j]))
    for start in range(0, z.size, LOGARITHM_EVERY):
        total += np.log(product_of_one_plus(dz[start : start + LOGARITHM_EVERY]))
    for j in range(z.size):
        smaller = weight * dz[j] / (one + dz[j])  # weight σ(−|z|)
        dz[j] = smaller if z[j] < zero else weight - smaller
    return total


@jit
def product_of_one_plus(a):
    """Π (1 + a_j)."""
    one = a.dtype.type(1)
    product = one
    for j in range(a.size):
        product *= one + a[j]
    return product
