"""Right answers where the package has none of the exercise's shape.

The mistakes in cleaning.toml and recurrence.toml are edits of these lines.
"""

import numpy as np

from ...model.functions import sigmoid, split


def clean(log, most):
    """The rows (n, 4) of user, item, kind, time that the six rules leave, in order."""
    log = log[~np.isnan(log[:, :2]).any(axis=1)]  # rule 1
    log = log[~np.isnan(log[:, 3])]  # rule 2
    _, first = np.unique(log, axis=0, return_index=True)
    log = log[np.sort(first)]  # rule 3
    user, kind = log[:, 0], log[:, 2]
    kinds, count = np.unique(kind, return_counts=True)
    usual = kind == kinds[count.argmax()]
    bots = [u for u in np.unique(user) if usual[user == u].all() and (user == u).sum() > most]
    log = log[~np.isin(user, bots)]  # rule 4
    log = log[np.lexsort((log[:, 3], log[:, 0]))]  # rule 5
    another = (np.diff(log[:, :2], axis=0) != 0).any(axis=1)
    first, last = np.append(True, another), np.append(another, True)
    steps = log[first]
    steps[:, 2] = log[last][:, 2]  # rule 6
    return steps


def walk(z, U, h0, c0):
    """The LSTM's loop over time: z (B, T, 4H) holds x W + b; returns h (B, T, H)."""
    h = np.empty((*z.shape[:2], len(U)))
    h_prev, c_prev = h0, c0
    for t in range(z.shape[1]):
        h_prev, c_prev = step(z[:, t] + h_prev @ U, c_prev)
        h[:, t] = h_prev
    return h


def step(z, c_prev):
    i, f, g, o = split(z, 4)
    i = sigmoid(i)
    f = sigmoid(f)
    g = np.tanh(g)
    o = sigmoid(o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, c
