"""Exercises whose solution is nowhere in the package: five variants of the layers.

There is no reference to compare with. worked.json keeps cases that an instructor's solution has
worked out: arguments, the output, and where backward is asked the gradients. They are asked in
ever new guises: what may stand in any order is reordered, and the gradient that comes in scaled.
"""

import json
from functools import cache, partial
from pathlib import Path

import numpy as np

from ..worker import from_json
from .exercise import BOTH, Exercise

WORKED = Path(__file__).with_name("worked.json")
AXES = {  # of the arguments in order, then of the output; 3H are three blocks of H
    "gru": {"d_input": "B T D", "W": "D 3H", "U": "H 3H", "b": "3H", "state": "B H",
            "output": "B T H"},
    "coupled": {"d_input": "B T D", "W": "D 3H", "U": "H 3H", "b": "3H", "state": "B H",
                "output": "B T H"},
    "additive": {"d_input": "B T H", "Wq": "H A", "Wk": "H A", "v": "A", "output": "B T H"},
    "bpr": {"d_input": "B T", "d_input 2": "B T K", "lengths": "B", "output": ""},
    "layernorm": {"d_input": "B T D", "gain": "D", "shift": "D", "eps": "",
                  "output": "B T D"},
}  # fmt: skip
GATES = {
    "gru": {"r": (17, 19), "z": (18, 20), "n": (19, 20)},
    "coupled": {"f": (21, 24), "g": (22, 24), "o": (23, 25)},
}


def wave(*shape, start):
    """Numbers between −1 and 1 without a pattern, the same in every run."""
    return np.sin(start + 0.7 * np.arange(np.prod(shape)) ** 2.0).reshape(shape)


def fingerprint(array):
    """The number by which an array of the first worked case is known."""
    return float(array.ravel() @ wave(array.size, start=0.5))


@cache
def worked():
    """{exercise: its worked cases}"""
    return from_json(json.loads(WORKED.read_text("utf-8")))


def cases_of(name, rng):
    """All worked cases in other orders, except for the first, which is as it is kept."""
    first, *others = worked()[name]
    first = dict(first)
    axes = AXES[name]
    cases = []
    for case in [first, *(disguised(rng, other, axes) for other in others)]:
        gradients = case.pop("gradients", {})
        expected = gradients | {"output": case.pop("output")}
        nudge = {key: at for at, key in enumerate(axes) if key in gradients and not case["name"]}
        cases.append(case | {"nudge": nudge, "expected": expected})
    return cases


def disguised(rng, case, axes):
    """The case with users, units and whatever else has no order in another order."""
    orders = {}
    arguments = [reordered(rng, argument, letters, orders)
                 for argument, letters in zip(case["arguments"], axes.values(), strict=False)]
    output = reordered(rng, case["output"], axes["output"], orders)
    again = case | {"arguments": arguments, "output": output}
    if "gradients" not in case:
        return again
    scale = rng.uniform(0.5, 2)
    gradients = {name: scale * reordered(rng, array, axes[name], orders)
                 for name, array in case["gradients"].items()}
    d_output = scale * reordered(rng, case["d_output"], axes["output"], orders)
    return again | {"d_output": d_output, "gradients": gradients}


def reordered(rng, value, letters, orders):
    """An array, or a pair of them, in the orders of its axes; a new axis draws its order."""
    if isinstance(value, list):
        return [reordered(rng, one, letters, orders) for one in value]
    if np.ndim(value) == 0:
        return value
    for axis, letter in enumerate(letters.split()[-value.ndim :]):
        blocks = 3 if letter == "3H" else 1
        size = value.shape[axis] // blocks
        if letter[-1] not in orders:
            orders[letter[-1]] = np.arange(size) if letter == "T" else rng.permutation(size)
        order = orders[letter[-1]]
        value = value.take(np.concatenate([order + size * n for n in range(blocks)]), axis)
    return value


EXERCISES = tuple(
    Exercise(name, "layer", BOTH, None, partial(cases_of, name), axes, gates=GATES.get(name, {}))
    for name, axes in AXES.items()
)
