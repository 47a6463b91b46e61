"""The exercises about attention, the scorer and the loss."""

import numpy as np

from ...model import attention, loss, scorer
from .exercise import BOTH, Exercise


def attention_cases(rng):
    cases, nudge = [], {"d_input": 0, "Wq": 1, "Wk": 2}
    for leading, T in (((), 1), ((), 6), ((2,), 7)):
        H = int(rng.integers(3, 6))
        h, Wq, Wk = (rng.normal(size=shape) for shape in ((*leading, T, H), (H, H), (H, H)))
        d_output = rng.normal(size=h.shape)
        cases.append({"arguments": [h, Wq, Wk], "d_output": d_output, "nudge": nudge})
    return cases


def scorer_cases(rng):
    """Items that occur more than once, among the next ones and among the negatives."""
    cases, nudge = [], {"d_input": 0, "E": 1, "bias": 2}
    for leading, T, K in (((), 1, 2), ((2,), 6, 5)):
        N, D = 7, 3
        u, E, bias = (rng.normal(size=shape) for shape in ((*leading, T, D), (N, D), N))
        items = rng.integers(0, N, (*leading, T)), rng.integers(0, N, (*leading, K))
        d_output = rng.normal(size=(*leading, T)), rng.normal(size=(*leading, T, K))
        arguments = [u, E, bias, *items]
        cases.append({"arguments": arguments, "d_output": d_output, "nudge": nudge})
    return cases


def loss_cases(rng):
    """Histories that are padded, and one that is not."""
    cases, nudge = [], {"d_input": 0, "d_input 2": 1}
    for leading, T, K, lengths in (((), 3, 4, 3), ((2,), 6, 5, [6, 2])):
        z = [rng.normal(size=(*leading, T)) * 2, rng.normal(size=(*leading, T, K)) * 2]
        beta = float(rng.uniform(0.2, 0.8))
        arguments = [*z, np.array(lengths), beta]
        cases.append({"arguments": arguments, "d_output": 1.0, "nudge": nudge})
    return cases


EXERCISES = (
    Exercise("attention", "layer", BOTH, attention, attention_cases,
             {"output": "T H", "d_input": "T H"}),
    Exercise("scorer", "layer", BOTH, scorer, scorer_cases, {"d_input": "T D"}),
    Exercise("loss", "layer", BOTH, loss, loss_cases),
)  # fmt: skip
