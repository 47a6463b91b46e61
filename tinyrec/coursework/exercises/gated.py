"""Recurrent layers with three gates, whose solution is nowhere in the package (unseen.py)."""

import numpy as np

from .exercise import BOTH, T_D, T_H, Exercise
from .unseen import case_of, mixing, repeated, wave

OPEN = 60.0  # a pre-activation at which σ and tanh are 1
AXES = {"output": T_H, "d_input": T_D, "W": ("D", "3H"), "U": ("H", "3H")}
GRU_ANSWER = (
    (-0.355819586, -0.556310632, 0.526834762),
    (-0.658728963, -0.040186153, -0.106745388),
    (-0.815424472, 0.555507534, -0.524131656),
    (-0.518919078, 0.366997619, -0.430678411),
)
COUPLED_ANSWER = (
    (-0.129683666, 0.301652706, 0.234425102),
    (-0.132138765, 0.430624738, 0.107478041),
    (-0.11949686, 0.30414514, 0.113135669),
    (-0.195733355, 0.299819982, 0.159462121),
)


def small_recurrent():
    T, D, H = 4, 2, 3
    x, W, U = wave(T, D, start=1), wave(D, 3 * H, start=2), wave(H, 3 * H, start=3)
    return [x, W, U, wave(3 * H, start=4)]


def turned_recurrent(rng, arguments, states, answer, leading):
    """Further inputs that count nothing, all of them mixed; units renumbered; a batch."""
    x, W, U, b = arguments
    H, further = len(U), int(rng.integers(1, 4))
    rotation = mixing(rng, len(W) + further)
    x = repeated(x, leading)
    x = np.concatenate([x, rng.normal(size=(*x.shape[:-1], further))], axis=-1) @ rotation
    W = rotation.T @ np.concatenate([W, np.zeros((further, 3 * H))])
    units = rng.permutation(H)
    columns = np.concatenate([units, H + units, 2 * H + units])
    arguments = [x, W[:, columns], U[units][:, columns], b[columns]]
    return arguments, [repeated(s[units], leading) for s in states], answer[:, units]


def recurrent_cases(rng, states, join, answer, properties):
    """The small case, then guises of it, the last of one step; join makes the state's argument."""
    cases = []
    for leading, T in ((None, 4), ((), 4), ((2,), 4), ((), 1)):
        asked, before, known = small_recurrent(), states, np.array(answer)[:T]
        asked[0] = asked[0][:T]
        d_output = wave(*known.shape, start=7)
        if leading is not None:
            asked, before, known = turned_recurrent(rng, asked, states, known, leading)
            known = repeated(known, leading)
            d_output = rng.normal(size=known.shape)
        nudge = {"d_input": 0, "W": 1, "U": 2, "b": 3}
        asked = [*asked, join(before)]
        cases.append(case_of(asked, d_output, nudge, known, properties(rng, leading or ())))
    return cases


class Gates:
    """Random arguments of a layer with three gates, some of them held at a value."""

    def __init__(self, rng, leading):
        self.T = 5 if leading else int(rng.integers(1, 6))
        self.D, self.H = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
        self.x = rng.normal(size=(*leading, self.T, self.D))
        self.W = rng.normal(size=(self.D, 3 * self.H)) / np.sqrt(self.D)
        self.U = rng.normal(size=(self.H, 3 * self.H)) / np.sqrt(self.H)
        self.b = rng.normal(size=3 * self.H)
        self.state = rng.normal(size=(*leading, self.H))

    def block(self, gate):
        return slice(gate * self.H, (gate + 1) * self.H)

    def at(self, held):
        """x, W, U, b with gates held: {0: 60.0} is the first, at a pre-activation of 60."""
        W, U, b = self.W.copy(), self.U.copy(), self.b.copy()
        for gate, value in held.items():
            block = self.block(gate)
            W[:, block], U[:, block], b[block] = 0, 0, value
        return [self.x, W, U, b]

    def before(self, h):
        return np.concatenate([self.state[..., None, :], h[..., :-1, :]], axis=-2)

    def driven(self, gate, h_before=None):
        """A gate's pre-activations; from x alone, or from h before as well."""
        block = self.block(gate)
        z = self.x @ self.W[:, block] + self.b[block]
        return z if h_before is None else z + h_before @ self.U[:, block]

    def halved(self, state):
        """What is left of a state that is halved at each step."""
        return self.everywhere(state) * 0.5 ** np.arange(1, self.T + 1)[:, None]

    def everywhere(self, state):
        return np.repeat(state[..., None, :], self.T, axis=-2)


def gru_properties(rng, leading):
    """Gates 0 r, 1 z, 2 n."""
    k = Gates(rng, leading)
    one = np.ones_like(k.state)
    return {
        "output kept": ([*k.at({1: OPEN}), k.state], k.everywhere(k.state)),
        "output new": (k.at({0: -OPEN, 1: -OPEN}), np.tanh(k.driven(2))),
        "output plain": (
            [*k.at({0: OPEN, 1: -OPEN}), k.state],
            lambda arrays: np.tanh(k.driven(2, k.before(arrays["output plain"]))),
        ),
        "output half r": (
            [*k.at({0: 0.0, 1: -OPEN}), k.state],
            lambda arrays: np.tanh(k.driven(2, k.before(arrays["output half r"]) / 2)),
        ),
        "output half z": ([*k.at({1: 0.0, 2: OPEN}), k.state], 1 - k.halved(1 - k.state)),
        "output between": ([*k.at({2: OPEN}), one], k.everywhere(one)),
    }  # fmt: skip


def gru_cases(rng):
    states = [wave(3, start=5)]
    return recurrent_cases(rng, states, lambda states: states[0], GRU_ANSWER, gru_properties)


def coupled_properties(rng, leading):
    """Gates 0 f, 1 g, 2 o."""
    k = Gates(rng, leading)
    c0, one = rng.normal(size=k.state.shape), np.ones_like(k.state)
    return {
        "output kept": ([*k.at({0: OPEN, 2: OPEN}), (k.state, c0)], k.everywhere(np.tanh(c0))),
        "output new": (
            [*k.at({0: -OPEN, 2: OPEN}), (k.state, c0)],
            lambda arrays: np.tanh(np.tanh(k.driven(1, k.before(arrays["output new"])))),
        ),
        "output half": (k.at({0: 0.0, 1: OPEN, 2: OPEN}), np.tanh(1 - k.halved(one))),
        "output sum": ([*k.at({1: OPEN, 2: OPEN}), (k.state, one)], k.everywhere(np.tanh(one))),
        "output shut": ([*k.at({2: -OPEN}), (k.state, c0)], k.everywhere(0 * one)),
    }  # fmt: skip


def coupled_cases(rng):
    states = [wave(3, start=5), 2 * wave(3, start=6)]
    return recurrent_cases(rng, states, tuple, COUPLED_ANSWER, coupled_properties)


EXERCISES = (
    Exercise("gru", "layer", BOTH, None, gru_cases, AXES,
             gates={"r": (17, 19), "z": (18, 20), "n": (19, 20)}),
    Exercise("coupled", "layer", BOTH, None, coupled_cases, AXES,
             gates={"f": (21, 24), "g": (22, 24), "o": (23, 25)}),
)  # fmt: skip
