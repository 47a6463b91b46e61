"""The LSTM's exercises: one step, forward, both ways, and the loop compiled."""

import numpy as np

from ...model import lstm
from . import references
from .exercise import BOTH, Exercise

GATES = {"i": (2, 6), "f": (3, 6), "g": (4, 6), "o": (5, 7)}


def step_cases(rng):
    return [{"arguments": [rng.normal(size=(*leading, 4 * H)), rng.normal(size=(*leading, H))]}
            for leading, H in (((), 3), ((2,), 5))]  # fmt: skip


def lstm_arguments(rng, leading, T):
    """x, W, U, b so small that no gate is quite open or shut: its gradient would be lost."""
    D, H = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])  # never alike: T, D and H differ
    W, U = rng.normal(size=(D, 4 * H)) / np.sqrt(D), rng.normal(size=(H, 4 * H)) / np.sqrt(H)
    return [rng.normal(size=(*leading, T, D)), W, U, rng.normal(size=4 * H) / 2]


def lstm_cases(rng):
    """Batches and one user, several steps and one, without a state before and with."""
    cases, nudge = [], {"d_input": 0, "W": 1, "U": 2, "b": 3}
    for leading, T, with_state in (((2,), 7, False), ((), 1, True), ((3,), 6, True)):
        arguments = lstm_arguments(rng, leading, T)
        H = arguments[2].shape[0]
        if with_state:
            arguments.append(tuple(rng.normal(size=(2, *leading, H))))
        d_output = rng.normal(size=(*leading, T, H))
        cases.append({"arguments": arguments, "d_output": d_output, "nudge": nudge})
    return cases


def recurrence_cases(rng):
    """One user and several, one step and many; a state before the first step."""
    cases = []
    for B, T in ((1, 1), (3, 6), (2, 30)):
        H = int(rng.integers(2, 6))
        z, U = rng.normal(size=(B, T, 4 * H)), rng.normal(size=(H, 4 * H)) / np.sqrt(H)
        cases.append({"arguments": [z, U, *rng.normal(size=(2, B, H))]})
    return cases


EXERCISES = (
    Exercise("lstm_step", "step", ("step",), lstm, step_cases),
    Exercise("lstm_forward", "forward", ("forward",), lstm, lstm_cases, {"output": "T H"}),
    Exercise(
        "lstm", "layer", BOTH, lstm, lstm_cases,
        {"output": "T H", "d_input": "T D", "W": "D 4H", "U": "H 4H"},
        gates=GATES,
    ),
    Exercise(
        "recurrence", "recurrence", ("walk",), references, recurrence_cases, {"output": "T H"},
        demands={"compiled": np.array(1.0)},
    ),
)  # fmt: skip
