"""Layer normalisation (Ba et al., 2016): each row on its own gets a mean and a spread.

x, y (..., T, D)    gain, shift (D,)
"""

import numpy as np


def forward(x, gain, shift, eps=1e-5):
    """Returns y (..., T, D) and a cache."""
    mean = x.mean(axis=-1, keepdims=True)  # (30)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)  # (30)
    deviation = np.sqrt(variance + eps)
    normal = (x - mean) / deviation  # (31)
    y = gain * normal + shift  # (32)
    return y, (normal, deviation, gain)


def backward(dy, cache):
    """Returns dx (..., T, D) and {"gain", "shift"}."""
    normal, deviation, gain = cache
    dgain = rows(dy * normal).sum(axis=0)  # ∂(32)
    dshift = rows(dy).sum(axis=0)  # ∂(32)
    d = dy * gain  # ∂(32)
    through_mean = d.mean(axis=-1, keepdims=True)  # ∂(31)
    through_spread = normal * (d * normal).mean(axis=-1, keepdims=True)  # ∂(31)
    dx = (d - through_mean - through_spread) / deviation  # ∂(31)
    return dx, {"gain": dgain, "shift": dshift}


def rows(a):
    return a.reshape(-1, a.shape[-1])
