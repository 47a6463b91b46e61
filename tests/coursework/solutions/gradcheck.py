"""The gradient check over a flat view."""

import numpy as np


def numerical(f, array, h=1e-5):
    flat = array.reshape(-1)
    slopes = []
    for entry in range(flat.size):
        kept = flat[entry]
        values = []
        for nudge in (h, -h):
            flat[entry] = kept + nudge
            values.append(f())
        flat[entry] = kept
        slopes.append((values[0] - values[1]) / h / 2)
    return np.reshape(slopes, array.shape)


def error(analytic, numeric):
    if analytic.shape != numeric.shape or not np.isfinite(analytic).all():
        return float("inf")
    largest = max(map(abs, analytic.flat)) + max(map(abs, numeric.flat))
    return max(map(abs, (analytic - numeric).flat)) / max(largest, 1e-8)
