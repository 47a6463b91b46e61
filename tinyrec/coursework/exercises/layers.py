"""The exercises about attention, the scorer and the loss."""

import numpy as np

from ...model import attention, loss, scorer
from .exercise import BOTH, Exercise, case_of

LARGE = 60.0  # times a usual score: e to its power is still a number, to that of ten such not


def attention_cases(rng):
    """One step and several; then with pieces switched off, and with large scores."""
    cases = []
    for leading, T in (((), 1), ((), 6), ((2,), 7)):
        cases.append(("", *attention_arguments(rng, leading, T)))
    h, Wq, Wk = attention_arguments(rng, (2,), 4)
    one = np.eye(len(Wq))
    cases += [
        ("first step", h[..., :1, :], Wq, Wk),
        ("even weights", h, 0 * Wq, 0 * Wk),
        ("queries are keys are states", h, one, one),
        ("large scores", h, LARGE * Wq, LARGE * Wk),
    ]
    return [case_of(rng, name, arguments, ("d_input", "Wq", "Wk"), d_output=arguments[0].shape)
            for name, *arguments in cases]  # fmt: skip


def attention_arguments(rng, leading, T):
    H = int(rng.integers(3, 6))
    return [rng.normal(size=shape) for shape in ((*leading, T, H), (H, H), (H, H))]


def scorer_cases(rng):
    """Items that occur more than once, among the next ones and among the negatives."""
    cases = []
    for name, leading, T, K in (
        ("", (2,), 6, 5), ("", (), 1, 2), ("one user", (1,), 3, 4), ("no bias", (2,), 3, 4),
    ):  # fmt: skip
        N, D = 7, 3
        u, E, bias = (rng.normal(size=shape) for shape in ((*leading, T, D), (N, D), N))
        items = rng.integers(0, N, (*leading, T)), rng.integers(0, N, (*leading, K))
        arguments = [u, E, bias * (name != "no bias"), *items]
        shapes = (*leading, T), (*leading, T, K)
        cases.append(case_of(rng, name, arguments, ("d_input", "E", "bias"), d_output=shapes))
    return cases


def loss_cases(rng):
    """Histories that are padded, and some that are not; logits beyond what exp can bear."""
    cases = []
    for name, lengths, T, K, size in (
        ("", [6, 2], 6, 5, 2), ("", 3, 3, 4, 2), ("one row", [1], 1, 3, 2),
        ("no padding", [4, 4], 4, 3, 2), ("large logits", [3, 2], 3, 2, 800.0),
        ("∂loss = 1", [3, 1], 4, 3, 2),
    ):  # fmt: skip
        rows = (*np.shape(lengths), T)
        z = [size * rng.normal(size=rows), size * rng.normal(size=(*rows, K))]
        if name == "large logits":  # of both signs, however they fall
            z = [(size + abs(each)) * (-1) ** np.arange(each.shape[-1]) for each in z]
        arguments = [*z, np.array(lengths), float(rng.uniform(0.2, 0.8))]
        cases.append(case_of(rng, name, arguments, ("d_input", "d_input 2"), d_output=()))
    cases[-1]["d_output"] = np.array(1.0)
    return cases


EXERCISES = (
    Exercise("attention", "layer", BOTH, attention, attention_cases,
             {"output": "T H", "d_input": "T H"}),
    Exercise("scorer", "layer", BOTH, scorer, scorer_cases, {"d_input": "T D"}),
    Exercise("loss", "layer", BOTH, loss, loss_cases),
)  # fmt: skip
