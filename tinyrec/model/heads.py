"""Other questions about the same interest: will it be bought, how will it be rated? (article §8.2)

A head asks about a user at a step and one item, and has parameters of its own.

Shapes, with any number of leading axes (… of questions):
    u, e (..., D), the interest and the item's vector    W (D, D)    b ()    z, y (...)
"""

from typing import NamedTuple

import numpy as np

from .functions import sigmoid, softplus, weight_gradient


class Cache(NamedTuple):
    u: np.ndarray  # (..., D)
    e: np.ndarray  # (..., D)
    W: np.ndarray  # (D, D)


def forward(u, e, W, b):
    """Returns z (...), the logit or the value itself, and the cache."""
    z = ((u @ W) * e).sum(axis=-1) + b  # (33)
    return z, Cache(u, e, W)


def backward(dz, cache):
    """Returns (du, de), each (..., D), and {"W", "b"}."""
    u, e, W = cache
    dv = dz[..., None] * e  # ∂(33), where v was u W
    du = dv @ W.T  # ∂(33)
    de = dz[..., None] * (u @ W)  # ∂(33)
    dW = weight_gradient(u, dv)  # ∂(33)
    db = dz.sum()  # ∂(33)
    return (du, de), {"W": dW, "b": db}


def yes_or_no(z, y):
    """Mean binary cross-entropy of logits z for y of 0 and 1: returns the loss and dz."""
    loss = np.mean(softplus(z) - y * z)  # (34)
    dz = (sigmoid(z) - y) / y.size  # ∂(34)
    return loss, dz


def how_much(z, y):
    """Half the mean squared error of values z: returns the loss and dz."""
    loss = np.mean((z - y) ** 2) / 2  # (35)
    dz = (z - y) / y.size  # ∂(35)
    return loss, dz


PARAMETERS = {"W": "D D", "b": ""}  # shapes, as in network.py
LOSSES = {"bought": yes_or_no, "rating": how_much}  # of each task
