"""Adam of train/adam.py, one compiled pass over each parameter."""

import numpy as np

from ..train import adam
from . import functions
from .functions import jit


def update(theta, g, m, v, constants):
    """As train.adam.update."""
    if not theta.flags.c_contiguous:
        return adam.update(theta, g, m, v, constants)
    flat = theta.reshape(-1), g.reshape(-1), m.reshape(-1), v.reshape(-1)
    update_flat(*flat, tuple(map(theta.dtype.type, constants)))


def add_rows(total, rows, part):
    """As train.adam.add_rows."""
    functions.add_rows(total.reshape(len(total), -1), rows, part.reshape(len(part), -1))


class Adam(adam.Adam):
    """As train.adam.Adam."""

    update = staticmethod(update)
    add_rows = staticmethod(add_rows)


@jit
def update_flat(theta, g, m, v, constants):
    rate, beta1, beta2, v_scale, eps = constants
    one = theta.dtype.type(1)
    for j in range(theta.size):
        m[j] = beta1 * m[j] + (one - beta1) * g[j]  # (14)
    for j in range(theta.size):
        v[j] = beta2 * v[j] + (one - beta2) * g[j] * g[j]  # (15)
    for j in range(theta.size):
        theta[j] -= rate * m[j] / (np.sqrt(v_scale * v[j]) + eps)  # (16)
