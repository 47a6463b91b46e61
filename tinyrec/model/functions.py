"""The few functions that more than one layer uses. Each computes in its input's type."""

import numpy as np


def sigmoid(z):
    """σ(z) = 1 / (1 + e^−z), written with tanh so that no large number is ever exponentiated."""
    return 0.5 * np.tanh(0.5 * z) + 0.5


def softplus(z):
    """log(1 + e^z), which is −log σ(−z), for z of any size."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softmax(scores):
    """Positive weights along the last axis that sum to one; a score of −∞ gets weight zero."""
    largest = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - largest)
    return weights / weights.sum(axis=-1, keepdims=True)


def transpose(a):
    """Swap the last two axes: (..., T, H) becomes (..., H, T)."""
    return a.swapaxes(-1, -2)


def split(a, parts):
    """The last axis cut into so many equal parts; np.split takes as long as a step of one user."""
    width = a.shape[-1] // parts
    return [a[..., n * width : (n + 1) * width] for n in range(parts)]


def weight_gradient(x, dy):
    """∂W of y = x W, summed over all rows: x (..., D), dy (..., G) give (D, G)."""
    rows_dy = dy.reshape(-1, dy.shape[-1])
    rows_x = x.reshape(len(rows_dy), -1)  # D may be zero
    return rows_x.T @ rows_dy


def bias_gradient(dy):
    """∂b of y = x W + b, summed over all rows: dy (..., G) gives (G,)."""
    return dy.reshape(-1, dy.shape[-1]).sum(axis=0)
