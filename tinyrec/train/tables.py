"""Adam for tables of which a step touches a few rows: the others wait, and catch up when needed.

A row that a step does not touch has gradient zero there: by (14) and (15) its m and v shrink by
β1 and β2, and by (16) it goes on a little the way it went. Nothing of this has to be done before
the row is looked at again. After n such steps m is β1ⁿ m, v is β2ⁿ v, and the row has moved by

    Σ_k a_k m / (c_k √v + ε)    a_k = rate_k β1ᵏ,  c_k = √(v_scale_k β2ᵏ),  k = 1 … n

where a_k and c_k are the same numbers for all rows that wait since the same step. One division
does for all k with c = Σ a_k / Σ (a_k / c_k) in place of each c_k: that is exact where ε is small
beside √v̂, exact where it is large, and little off between (Adam's own ε is 1e−8).
"""

from typing import NamedTuple

import numpy as np

from . import adam


class Rows(NamedTuple):
    """A gradient that is zero but in some rows of its table."""

    index: np.ndarray  # (n,), no row comes twice
    values: np.ndarray  # (n, …)


class Missed(NamedTuple):
    """What the steps that each of n rows has missed come to: (n,) each."""

    rate: np.ndarray  # Σ a_k
    v_scale: np.ndarray  # c²
    m_left: np.ndarray  # β1ⁿ
    v_left: np.ndarray  # β2ⁿ


def update(theta, g, m, v, constants):
    """One parameter's step, in place, where g is an array or Rows."""
    if not isinstance(g, Rows):
        return adam.update(theta, g, m, v, constants)
    rows = theta[g.index], m[g.index], v[g.index]
    adam.update(rows[0], g.values, rows[1], rows[2], constants)
    theta[g.index], m[g.index], v[g.index] = rows


def catch_up(theta, m, v, index, missed, eps):
    """The steps that the rows of `index` have missed, in place."""
    columns = len(index), *[1] * (theta.ndim - 1)
    rate, v_scale, m_left, v_left = (each.reshape(columns) for each in missed)
    theta[index] -= rate * m[index] / (np.sqrt(v_scale * v[index]) + eps)
    m[index] *= m_left
    v[index] *= v_left


def add_rows(total, rows, part):
    """total[rows] += part: the gradient of a few rows joins a larger one, no row comes twice."""
    total[rows] += part


class Adam(adam.Adam):
    """Adam whose gradients may also be Rows. Rows that will be read have to `catch_up` before,
    and all of them to `settle` before a whole table is read.
    """

    update = staticmethod(update)
    catch_up_rows = staticmethod(catch_up)
    add_rows = staticmethod(add_rows)

    def __init__(self, params, *constants, **named):
        super().__init__(params, *constants, **named)
        self.done = {}  # table: (rows,), how many of the steps since `settle` a row has done
        self.settle()

    def step(self, grads):
        """One step against the gradient."""
        for name, g in grads.items():
            if isinstance(g, Rows):
                self.catch_up(name, g.index)
            elif name in self.done:
                self.catch_up(name)
        super().step(grads)
        self.remember()
        for name in self.done:
            g = grads[name]
            self.done[name][g.index if isinstance(g, Rows) else ...] += 1

    def remember(self):
        """Adds the step just done to what a row misses that has waited since each earlier one."""
        rate, beta1, beta2, v_scale, _ = self.constants()
        self.m_left, self.v_left = beta1 * self.m_left, beta2 * self.v_left
        a = rate * self.m_left
        self.a = np.append(self.a + a, 0.0)
        self.a_over_c = np.append(self.a_over_c + a / np.sqrt(v_scale * self.v_left), 0.0)
        self.m_left, self.v_left = np.append(self.m_left, 1.0), np.append(self.v_left, 1.0)

    def catch_up(self, name, index=None):
        """Brings a table's rows (all where None) to where plain Adam's are now, in place."""
        theta, now = self.params[name], len(self.a) - 1
        done = self.done.setdefault(name, np.full(len(theta), now, np.int32))
        index = np.flatnonzero(done < now) if index is None else index[done[index] < now]
        if not len(index):
            return
        at = done[index]
        c = self.a[at] / np.maximum(self.a_over_c[at], 1e-300)  # 0 / 0 where the rate was zero
        missed = self.a[at], c**2, self.m_left[at], self.v_left[at]
        missed = Missed(*(each.astype(theta.dtype) for each in missed))
        self.catch_up_rows(theta, self.m[name], self.v[name], index, missed, self.eps)
        done[index] = now

    def settle(self):
        """Brings all rows of all tables to where plain Adam's are now."""
        for name in self.done:
            self.catch_up(name)
            self.done[name][:] = 0
        self.a, self.a_over_c = np.zeros((2, 1))  # Σ a_k, Σ a_k / c_k from each step on until now
        self.m_left, self.v_left = np.ones((2, 1))  # β1ⁿ, β2ⁿ
