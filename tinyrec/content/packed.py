"""Matrices in eight bits and less, as a GGUF file has them, and products with them, compiled.

Shapes: C numbers in, R numbers out, T rows
    x (T, C)    W: q (C, R) int8, scale, low (C/32, R) float32    x @ W (T, R)
In a block of 32 numbers of a column, a weight is scale · q + low: nothing is rounded once more.
A token needs every weight once, and reading them is what takes the time: a quarter of the bytes
of float32 is twice as fast.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

BLOCK = 32


class Packed(NamedTuple):
    q: np.ndarray  # (C, R) int8
    scale: np.ndarray  # (C/32, R) float32
    low: np.ndarray  # (C/32, R) float32

    def columns(self, which):
        """Columns as float32: (len(which), C)."""
        blocks = self.q[:, which].reshape(-1, BLOCK, len(which))
        w = blocks * self.scale[:, None, which] + self.low[:, None, which]
        return w.reshape(-1, len(which)).T


def product(x, W):
    """x (T, C) @ W: (T, R) float32."""
    out = np.zeros((len(x), W.q.shape[1]), np.float32)
    add_product(out, np.ascontiguousarray(x), *W)
    return out


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def add_product(out, x, q, scale, low):
    """out (T, R) += x @ W: four rows of q in one walk along R, which is contiguous."""
    total = np.empty(out.shape[1], np.float32)
    f4 = np.float32
    for t in range(len(x)):
        for block in range(len(scale)):
            total[:] = 0
            sum_x = f4(0)
            for c in range(BLOCK * block, BLOCK * (block + 1), 4):
                x0, x1, x2, x3 = x[t, c], x[t, c + 1], x[t, c + 2], x[t, c + 3]
                q0, q1, q2, q3 = q[c], q[c + 1], q[c + 2], q[c + 3]
                sum_x += x0 + x1 + x2 + x3
                for r in range(total.size):
                    total[r] += x0 * f4(q0[r]) + x1 * f4(q1[r]) + x2 * f4(q2[r]) + x3 * f4(q3[r])
            for r in range(total.size):
                out[t, r] += scale[block, r] * total[r] + low[block, r] * sum_x
