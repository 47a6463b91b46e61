"""The loss by its rows' weights."""

import numpy as np


def forward(zp, zn, lengths, beta):
    T, K = zn.shape[-2:]
    real = (np.arange(T) < np.expand_dims(lengths, -1)) / (np.sum(lengths) * (K + 1.0))
    each = beta * np.logaddexp(0, -zp) + np.logaddexp(0, zn).sum(-1)
    return np.sum(real * each), (zp, zn, real, beta)


def backward(d, cache):
    zp, zn, real, beta = cache
    return (-d * real * beta / (1 + np.exp(zp)), d * real[..., None] / (1 + np.exp(-zn))), {}
