"""The exercises around the training: Adam, the gradient check, the metrics."""

import numpy as np

from ...results import metrics
from ...train import adam, gradcheck
from .exercise import Exercise


def adam_cases(rng):
    """Gradients of changing size and sign; also with settings that are not the usual ones."""
    unusual = {"lr": 0.05, "beta1": 0.7, "beta2": 0.95, "eps": 1e-2}
    cases = []
    for name, settings in (
        ("", unusual), ("defaults", {}), ("one parameter", unusual),
        ("β₁ = 0", unusual | {"beta1": 0.0}), ("β₂ = 0", unusual | {"beta2": 0.0}),
        ("ε = 0", unusual | {"eps": 0.0}),
    ):  # fmt: skip
        shapes = {"table": (4, 3), "twin": (4, 3)}
        if name == "one parameter":
            shapes = {"table": (3, 2)}
        tiny = {"twin": 1e-5} if name == "defaults" else {}  # there ε = 1e-8 shows
        grads = [{key: size * tiny.get(key, 1) * rng.normal(size=shape)
                  for key, shape in shapes.items()}
                 for size in (1.0, 0.1, 3.0, 0.5, 1.0)]  # fmt: skip
        params = {key: rng.normal(size=shape) for key, shape in shapes.items()}
        cases.append({"name": name, "params": params, "grads": grads, "settings": settings})
    return cases


def gradcheck_cases(rng):
    """A curved function of a few numbers; gradients that are right, wrong, and broken."""
    cases = []
    for shape in ((), (3,), (2, 3)):
        array, matrix = rng.normal(size=shape), rng.normal(size=(4, int(np.prod(shape))))
        array.flat[-1] *= 1e-7  # smaller than h: put back by adding, it has lost digits
        right = rng.normal(size=(2, 3))
        few = np.where([[1, 0, 0], [0, 0, 0]], 1e-3, right)
        pairs = [(right, right), (2 * right, right), (right, 3 * right), (-right, right),
                 (right + 1e-6, right), (few, right), (0 * right, 0 * right),
                 (1e-12 + 0 * right, 0 * right), (2e-8 * right, 1e-8 * right)]  # fmt: skip
        broken = [(np.where(right == right.max(), wrong, right), right)
                  for wrong in (np.nan, np.inf)]  # fmt: skip
        broken.append((right[:1], right))
        cases.append({"array": array, "matrix": matrix, "pairs": pairs, "broken": broken})
    return cases


def metrics_cases(rng):
    """Scores with ties, and rows with something that is not a number; then neither, and each."""
    cases = []
    for name, k in (("", 3), ("", 10), ("no ties", 5), ("ties", 5), ("not a number", 5)):
        scores, targets = rng.normal(size=(12, 25)), rng.integers(0, 25, 12)
        if name in ("", "ties"):
            scores = np.round(3 * scores)
        if name in ("", "not a number"):
            scores[3, targets[3]] = scores[5, targets[5] - 1] = np.nan
        ranks = np.append([0.0, k - 1, k], rng.permutation(25)[:9])
        cases.append({"name": name, "arguments": [scores, targets], "ranks": ranks, "k": k})
    return cases


EXERCISES = (
    Exercise("adam", "adam", ("Adam",), adam, adam_cases),
    Exercise("gradcheck", "gradcheck", ("numerical", "error"), gradcheck, gradcheck_cases),
    Exercise("metrics", "metrics", ("ranks", "at_k"), metrics, metrics_cases),
)
