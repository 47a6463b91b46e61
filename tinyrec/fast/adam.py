"""Adam of train/tables.py, one compiled pass over each parameter or each of its rows.

A table's rows do not depend on each other: they are shared out in chunks, so that threads which
wait for the next batch take part, and the result does not depend on how many they are.
"""

import numpy as np

from ..train import tables
from . import functions
from .functions import check, jit

CHUNK = 2048  # rows


def update(theta, g, m, v, constants):
    """As train.tables.update."""
    rows = isinstance(g, tables.Rows)
    given = (g.values, (len(g.index), *theta.shape[1:])) if rows else (g, theta.shape)
    check(m=(m, theta.shape), v=(v, theta.shape), gradient=given)
    if not theta.flags.c_contiguous:
        return tables.update(theta, g, m, v, constants)
    constants = tuple(map(theta.dtype.type, constants))
    if rows:
        update_rows(g.index, in_rows(theta), in_rows(g.values), in_rows(m), in_rows(v), constants)
    else:
        update_flat(theta.reshape(-1), g.reshape(-1), m.reshape(-1), v.reshape(-1), constants)


def catch_up(theta, m, v, index, missed, eps):
    """As train.tables.catch_up."""
    if not theta.flags.c_contiguous:
        return tables.catch_up(theta, m, v, index, missed, eps)
    eps = theta.dtype.type(eps)
    catch_up_rows(in_rows(theta), in_rows(m), in_rows(v), index, *missed, eps)


def add_rows(total, rows, part):
    """As train.tables.add_rows."""
    functions.add_rows(in_rows(total), rows, in_rows(part))


def in_rows(a):
    """(n, …) as (n, width)."""
    return a.reshape(len(a), -1)


class Adam(tables.Adam):
    """As train.tables.Adam; `map`, that of a pool, works through chunks of rows."""

    map = staticmethod(map)
    add_rows = staticmethod(add_rows)

    def update(self, theta, g, m, v, constants):
        if not isinstance(g, tables.Rows):
            return update(theta, g, m, v, constants)

        def one_chunk(some):
            update(theta, tables.Rows(g.index[some], g.values[some]), m, v, constants)

        self.share_out(one_chunk, len(g.index))

    def catch_up_rows(self, theta, m, v, index, missed, eps):
        def one_chunk(some):
            part = tables.Missed(*(each[some] for each in missed))
            catch_up(theta, m, v, index[some], part, eps)

        self.share_out(one_chunk, len(index))

    def share_out(self, work, n):
        """work(some) for slices of at most CHUNK that cover n rows."""
        chunks = [slice(start, start + CHUNK) for start in range(0, n, CHUNK)]
        list(map(work, chunks) if len(chunks) == 1 else self.map(work, chunks))


@jit
def update_rows(index, theta, g, m, v, constants):
    for n in range(index.size):
        row = index[n]
        update_flat(theta[row], g[n], m[row], v[row], constants)


@jit
def update_flat(theta, g, m, v, constants):
    rate, beta1, beta2, v_scale, eps = constants
    one = theta.dtype.type(1)
    for j in range(theta.size):
        m[j] = beta1 * m[j] + (one - beta1) * g[j]  # (14)
        v[j] = beta2 * v[j] + (one - beta2) * g[j] * g[j]  # (15)
        theta[j] -= rate * m[j] / (np.sqrt(v_scale * v[j]) + eps)  # (16)


@jit
def catch_up_rows(theta, m, v, index, rate, v_scale, m_left, v_left, eps):
    for n in range(index.size):
        row = index[n]
        catch_up_row(theta[row], m[row], v[row], rate[n], v_scale[n], m_left[n], v_left[n], eps)


@jit
def catch_up_row(theta, m, v, rate, v_scale, m_left, v_left, eps):
    for j in range(theta.size):
        theta[j] -= rate * m[j] / (np.sqrt(v_scale * v[j]) + eps)
        m[j] *= m_left
        v[j] *= v_left
