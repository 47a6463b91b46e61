"""Exercises whose solution is nowhere in the package.

There is no reference to compare with. A backward is held to the numerical gradient of the
learner's own forward. A forward is held to what must be true of it (a gate at 1 keeps the state,
weights sum to one, …) and to one small case worked out once and kept as numbers; it is asked in
ever new guises, turned and renumbered so that its answer stays known.
"""

import numpy as np

from ..worker import NUDGE, flat


def fingerprint(array):
    return float(array.ravel() @ wave(array.size, start=0.5))


def wave(*shape, start):
    """Numbers between −1 and 1 without a pattern, the same in every run."""
    return np.sin(start + 0.7 * np.arange(np.prod(shape)) ** 2.0).reshape(shape)


def expected_arrays(cases, answers):
    """What each case's arrays have to be: known before, or by a rule on what was answered."""
    with np.errstate(all="ignore"):
        return [
            gradients(case, answer)
            | {name: by_rule(rule, answer) for name, rule in case["expected"].items()}
            for case, answer in zip(cases, answers, strict=True)
        ]


def by_rule(rule, answer):
    if not callable(rule):
        return rule
    try:
        return rule(answer.arrays)
    except (ValueError, IndexError):  # the shape is wrong, which is said elsewhere
        return np.array(np.inf)


def gradients(case, answer):
    """{name: the numerical gradient}, from the outputs with one entry nudged up and down.

    It is infinite where the output does not depend on the argument: nothing is earned there.
    """
    expected = {}
    for name, outputs in answer.nudged.items():
        argument, d_output = case["arguments"][case["nudge"][name]], flat(case["d_output"])
        expected[name] = np.full(argument.shape, np.inf)
        if outputs.shape[-1] == d_output.size and np.ptp(outputs, axis=1).any():
            slopes = (outputs[:, 0] - outputs[:, 1]) @ d_output / (2 * NUDGE)
            expected[name] = slopes.reshape(argument.shape)
    return expected


def case_of(arguments, d_output, nudge, answer, properties):
    """properties: name -> (arguments, what is expected there)."""
    also = {name: asked for name, (asked, _) in properties.items()}
    known = {name: expected for name, (_, expected) in properties.items()}
    return {
        "arguments": arguments, "d_output": d_output, "nudge": nudge, "also": also,
        "expected": {"output": answer} | known,
    }  # fmt: skip


def mixing(rng, size):
    """A random rotation: (size, size), its transpose undoes it."""
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def repeated(array, leading):
    return np.broadcast_to(array, (*leading, *array.shape)).copy()
