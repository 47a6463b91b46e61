"""The LSTM's exercises: one step, forward, both ways, and the loop compiled."""

import numpy as np

from ...model import lstm
from . import references
from .exercise import BOTH, Exercise, case_of

GATES = {"i": (2, 6), "f": (3, 6), "g": (4, 6), "o": (5, 7)}
ARGUMENTS = ("d_input", "W", "U", "b")

# Cases in which only some gates are not zero, and are made of some pieces only: their name ->
# gates, pieces, steps. The input gate is seen only where the candidate is not zero.
SWITCHED = {
    "all off": ("", "", 1),
    "g(x)": ("g", "W", 1),
    "f(x)": ("f", "W", 1),
    "o(x)": ("o", "W", 1),
    "i(x)": ("ig", "W", 1),
    "biases": ("ifgo", "b", 1),
    "g(h)": ("g", "U", 1),
    "f(h)": ("f", "U", 1),
    "o(h)": ("o", "U", 1),
    "i(h)": ("ig", "U", 1),
    "one step": ("ifgo", "WUb", 1),
    "no recurrence": ("ifgo", "Wb", 4),
}


def arguments_of(rng, leading, T):
    """x, W, U, b so small that no gate is quite open or shut: its gradient would be lost."""
    D, H = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])  # never alike: T, D and H differ
    W, U = rng.normal(size=(D, 4 * H)) / np.sqrt(D), rng.normal(size=(H, 4 * H)) / np.sqrt(H)
    return [rng.normal(size=(*leading, T, D)), W, U, rng.normal(size=4 * H) / 2]


def state_of(rng, leading, H):
    return tuple(rng.normal(size=(2, *leading, H)))


def switched(rng, gates, pieces, T):
    """x, W, U, b and a state, with only some gates made of some pieces."""
    x, *weights = arguments_of(rng, (2,), T)
    H = len(weights[1])
    on = np.repeat([gate in gates for gate in GATES], H)
    kept = [array * on * (name in pieces) for name, array in zip("WUb", weights, strict=True)]
    return [x, *kept, state_of(rng, (2,), H)]


def layer_cases(rng):
    """Batches and one user, several steps and one, without a state before and with."""
    cases = []
    for leading, T, with_state in (((2,), 7, False), ((), 1, True), ((3,), 6, True)):
        arguments = arguments_of(rng, leading, T)
        if with_state:
            arguments.append(state_of(rng, leading, len(arguments[2])))
        cases.append(("", arguments))
    cases += [(name, switched(rng, *pieces)) for name, pieces in SWITCHED.items()]
    return [case_of(rng, name, arguments, ARGUMENTS, d_output=output_shape(arguments))
            for name, arguments in cases]  # fmt: skip


def output_shape(arguments):
    x, _, U, *_ = arguments
    return *x.shape[:-1], len(U)


def step_cases(rng):
    return [{"arguments": [rng.normal(size=(*leading, 4 * H)), rng.normal(size=(*leading, H))]}
            for leading, H in (((), 3), ((2,), 5))]  # fmt: skip


def recurrence_cases(rng):
    """One user and several, one step and many, and so many that threads would meet."""
    cases = []
    for B, T, H in ((1, 1, 3), (3, 6, 2), (2, 30, 4), (64, 400, 5)):
        z, U = rng.normal(size=(B, T, 4 * H)), rng.normal(size=(H, 4 * H)) / np.sqrt(H)
        states = rng.normal(size=(2, B, H))
        cases.append({"arguments": [z, U, *states], "again": 30})
    for name, pieces in SWITCHED.items():
        x, W, U, b, (h0, c0) = switched(rng, *pieces)
        cases.append({"name": name, "arguments": [x @ W + b, U, h0, c0], "again": 1})
    return cases


EXERCISES = (
    Exercise("lstm_step", "step", ("step",), lstm, step_cases),
    Exercise("lstm_forward", "layer", ("forward",), lstm, layer_cases, {"output": "T H"}),
    Exercise(
        "lstm", "layer", BOTH, lstm, layer_cases,
        {"output": "T H", "d_input": "T D", "W": "D 4H", "U": "H 4H"},
        gates=GATES,
    ),
    Exercise(
        "recurrence", "recurrence", ("walk",), references, recurrence_cases, {"output": "T H"},
        demands={"compiled": np.array(1.0)},
    ),
)  # fmt: skip
