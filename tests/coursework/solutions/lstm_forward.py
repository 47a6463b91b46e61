"""The LSTM's forward pass, gate by gate, with a list of steps."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(x, W, U, b, state=None):
    H = len(U)
    gate = [slice(n * H, n * H + H) for n in range(4)]
    h, c = np.zeros((2, *x.shape[:-2], H)) if state is None else state
    steps = []
    for t in range(x.shape[-2]):
        i, f, g, o = (x[..., t, :] @ W[:, n] + h @ U[:, n] + b[n] for n in gate)
        c = c * sigmoid(f) + sigmoid(i) * np.tanh(g)
        h = np.tanh(c) * sigmoid(o)
        steps.append(h)
    return np.stack(steps, axis=-2), None
