"""The exercises around the training: Adam, the gradient check, the metrics."""

import numpy as np

from ...results import metrics
from ...train import adam, gradcheck
from .exercise import Exercise


def adam_cases(rng):
    """Gradients of changing size and sign; also with settings that are not the usual ones."""
    cases = []
    for settings in ({}, {"lr": 0.05, "beta1": 0.7, "beta2": 0.95, "eps": 1e-2}):
        shape = tuple(int(n) for n in rng.integers(2, 5, 2))
        grads = [rng.normal(size=shape) * size for size in (1.0, 0.1, 3.0, 0.5, 1.0)]
        cases.append({"theta": rng.normal(size=shape), "grads": grads, "settings": settings})
    return cases


def gradcheck_cases(rng):
    """A curved function of a few numbers; gradients that are right, wrong, and broken."""
    cases = []
    for shape in ((), (3,), (2, 3)):
        array, matrix = rng.normal(size=shape), rng.normal(size=(4, int(np.prod(shape))))
        right = rng.normal(size=(2, 3))
        few = np.where([[1, 0, 0], [0, 0, 0]], 1e-3, right)
        pairs = [(right, right), (2 * right, right), (right, 3 * right), (-right, right),
                 (right + 1e-6, right), (few, right), (0 * right, 0 * right),
                 (1e-12 + 0 * right, 0 * right)]  # fmt: skip
        broken = [(np.where(right == right.max(), np.nan, right), right), (right[:1], right)]
        cases.append({"array": array, "matrix": matrix, "pairs": pairs, "broken": broken})
    return cases


def metrics_cases(rng):
    """Scores with ties, and one user's with something that is not a number."""
    cases = []
    for k in (3, 10):
        scores = rng.integers(0, 9, (12, 25)).astype(float)
        scores[rng.integers(12), rng.integers(25)] = np.nan
        ranks = np.append([0.0, k - 1, k], rng.permutation(25)[:9])
        arguments = [scores, rng.integers(0, 25, 12)]
        cases.append({"arguments": arguments, "ranks": ranks, "k": k})
    return cases


EXERCISES = (
    Exercise("adam", "adam", ("Adam",), adam, adam_cases),
    Exercise("gradcheck", "gradcheck", ("numerical", "error"), gradcheck, gradcheck_cases),
    Exercise("metrics", "metrics", ("ranks", "at_k"), metrics, metrics_cases),
)
