"""Works out exercises/worked.json: right answers to what the package has no solution of.

    python tests/coursework/solutions/work_out.py

Some cases for every part, by its case's name, and some in which pieces are switched off. Where
backward is asked the gradients are kept as well. The instructor's solutions beside this file
answer; the package never sees them.
"""

import json
from pathlib import Path

import numpy as np

from tinyrec.coursework.exercises import unseen
from tinyrec.coursework.worker import as_json

HERE = Path(__file__).parent
OPEN = 60.0  # a pre-activation at which σ and tanh are 1
SWITCHED = (
    "one step", "no recurrence", "even weights", "large scores", "one row", "no padding",
    "plain rows", "∂loss = 1",
)  # fmt: skip
wave = unseen.wave


class Gates:
    """Random arguments of a layer with three gates, some of them held at a value."""

    def __init__(self, rng, leading=(), T=4):
        D, H = (int(n) for n in rng.permutation([2, 3, 4])[:2])
        self.H = H
        self.x = rng.normal(size=(*leading, T, D))
        self.W, self.U = rng.normal(size=(D, 3 * H)), rng.normal(size=(H, 3 * H)) / np.sqrt(H)
        self.b = rng.normal(size=3 * H)
        self.h0, self.c0 = rng.normal(size=(2, *leading, H))

    def at(self, held):
        """x, W, U, b with gates held: {0: 60.0} is the first, at a pre-activation of 60."""
        W, U, b = self.W.copy(), self.U.copy(), self.b.copy()
        for gate, value in held.items():
            block = slice(gate * self.H, (gate + 1) * self.H)
            W[:, block], U[:, block], b[block] = 0, 0, value
        return [self.x, W, U, b]


def switched(rng, state_of):
    k = Gates(rng, (2,), 1)
    yield "one step", [*k.at({}), state_of(k)]
    k = Gates(rng, (2,), 4)
    x, W, U, b = k.at({})
    yield "no recurrence", [x, W, 0 * U, b, state_of(k)]


def gru(rng):
    """Gates 0 r, 1 z, 2 n."""
    small = [wave(4, 2, start=1), wave(2, 9, start=2), wave(3, 9, start=3), wave(9, start=4)]
    yield "", [*small, wave(3, start=5)]
    for leading, T in (((), 1), ((), 6), ((2,), 5), ((3,), 4)):
        k = Gates(rng, leading, T)
        yield "", [*k.at({}), k.h0]
    yield "", Gates(rng, (2,)).at({})
    yield from switched(rng, lambda k: k.h0)
    held = {
        "kept": {1: OPEN}, "new": {0: -OPEN, 1: -OPEN}, "plain": {0: OPEN, 1: -OPEN},
        "half r": {0: 0.0, 1: -OPEN}, "half z": {1: 0.0, 2: OPEN}, "between": {2: OPEN},
    }  # fmt: skip
    for name, gates in held.items():
        for leading, T in (((), 1), ((), 4), ((2,), 5)):
            k = Gates(rng, leading, T)
            yield name, [*k.at(gates), k.h0 if name != "between" else 0 * k.h0 + 1]


def coupled(rng):
    """Gates 0 f, 1 g, 2 o."""
    small = [wave(4, 2, start=1), wave(2, 9, start=2), wave(3, 9, start=3), wave(9, start=4)]
    yield "", [*small, (wave(3, start=5), 2 * wave(3, start=6))]
    for leading, T in (((), 1), ((), 6), ((2,), 5), ((3,), 4)):
        k = Gates(rng, leading, T)
        yield "", [*k.at({}), (k.h0, k.c0)]
    yield "", Gates(rng, (2,)).at({})
    yield from switched(rng, lambda k: (k.h0, k.c0))
    held = {
        "kept": {0: OPEN, 2: OPEN}, "half": {0: 0.0, 1: OPEN, 2: OPEN}, "sum": {1: OPEN, 2: OPEN},
        "new": {0: -OPEN, 2: OPEN}, "shut": {2: -OPEN},
    }  # fmt: skip
    for name, gates in held.items():
        for leading, T in (((), 1), ((), 4), ((2,), 5)):
            k = Gates(rng, leading, T)
            state = (k.h0, k.c0 if name != "sum" else 0 * k.c0 + 1)
            yield name, [*k.at(gates), *([state] if name != "half" else [])]


def additive(rng):
    yield "", [wave(4, 3, start=1), wave(3, 2, start=2), wave(3, 2, start=3),
                     2 * wave(2, start=4)]  # fmt: skip

    def drawn(leading, T):
        H, A = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
        return [rng.normal(size=shape) for shape in ((*leading, T, H), (H, A), (H, A), (A,))]

    for leading, T in (((), 1), ((), 6), ((2,), 5), ((3,), 4), ((2,), 7)):
        yield "", drawn(leading, T)
    h, Wq, Wk, v = drawn((2,), 4)
    yield "even weights", [h, 0 * Wq, 0 * Wk, v]
    for leading in ((), (2,), (3,)):
        h, Wq, Wk, v = drawn(leading, 6)
        alike = np.repeat(h[..., :1, :], 6, axis=-2)
        future = np.concatenate([alike[..., :5, :], h[..., 5:, :]], axis=-2)
        yield "first", [h[..., :1, :], Wq, Wk, v]
        yield "alike", [alike, Wq, Wk, v]
        yield "even", [h, Wq, Wk, 0 * v]
        yield "keyless", [h, Wq, 0 * Wk, v]
        yield "causal", [future, Wq, 0 * Wk, v]
        yield "order", [h[..., ::-1, :], Wq, 0 * Wk, v]
    h, Wq, Wk, v = drawn((2,), 4)
    yield "large scores", [h, Wq, Wk, 2000 * v]


def bpr(rng):
    rows = np.arange(6).reshape(2, 3)
    yield "∂loss = 1", [wave(6, start=1)[rows], 2 * wave(6, 3, start=2)[rows], np.array([3, 1])]

    def drawn(lengths, size=2):
        T, K = (int(n) for n in rng.permutation([4, 5, 6, 7])[:2])
        z = size * rng.normal(size=(*np.shape(lengths), T))
        others = size * rng.normal(size=(*np.shape(lengths), T, K))
        return [z, others, np.array(lengths)]

    for lengths in (1, 4, [4, 2], [1, 4, 3], [2, 2]):
        yield "", drawn(lengths)
    z, others, _ = drawn([1])
    yield "one row", [z[..., :1], others[..., :1, :], np.array([1])]
    z, others, _ = drawn([4, 4])
    yield "no padding", [z, others, np.full(2, z.shape[-1])]
    for lengths in ([4, 2], [1, 3], 3):
        z, others, lengths = drawn(lengths)
        padded = np.arange(z.shape[-1]) >= 2 + 0 * lengths[..., None]
        far = 0 * z + 1000
        yield "even", [z, np.repeat(z[..., None], 3, axis=-1), lengths]
        yield "won", [far, 0 * others, lengths]
        yield "lost", [-far, 0 * others, lengths]
        yield "shifted", [z, z[..., None] - 1 + 0 * others, lengths]
        yield "padded", [9.0 * padded + 1, 0 * others, np.asarray(0 * lengths + 2)]


def layernorm(rng):
    yield "", [wave(3, 4, start=1), wave(4, start=2), wave(4, start=3), 0.1]

    def drawn(leading):
        T, D = (int(n) for n in rng.permutation([3, 4, 5])[:2])  # of two, mean is median
        return rng.normal(size=(*leading, T, D)) + 1, *rng.normal(size=(2, D))

    for leading, eps in (((), 1e-5), ((), 0.3), ((2,), 0.1), ((3,), 1e-5), ((2,), 1.0)):
        yield "", [*drawn(leading), eps]
    x, _, shift = drawn((2,))
    yield "plain rows", [x, np.ones(len(shift)), 0 * shift, 0.1]
    for leading in ((), (2,), (3,)):
        x, _, shift = drawn(leading)
        one = np.ones(len(shift))
        yield "centred", [x, one, 3 * one]
        yield "spread", [x, one, 0 * one]
        yield "line", [np.concatenate([x, 2 * x - 1], axis=-2), one, 0 * one, 0.0]
        yield "level", [np.repeat(x[..., :1], len(one), axis=-1), one, shift]
        yield "shift", [x, 0 * one, shift]


def answered(functions, name, arguments, rng, first):
    """A case as it is kept, with the answers of the instructor's functions."""
    output, cache = functions["forward"](*arguments)
    case = {"name": name, "arguments": arguments, "output": np.asarray(output)}
    if name and name not in SWITCHED:
        return case
    shape = np.shape(output)
    drawn = wave(*shape, start=7) if shape else np.array(1.0)  # by it the fingerprints were taken
    case["d_output"] = drawn if first else np.asarray(rng.normal(size=shape))
    d_input, grads = functions["backward"](case["d_output"], cache)
    several = d_input if isinstance(d_input, tuple) else (d_input,)
    names = ["d_input", "d_input 2"][: len(several)]
    return case | {"gradients": dict(zip(names, several, strict=True)) | grads}


def work_out(of):
    functions = {}
    exec((HERE / f"{of.__name__}.py").read_text("utf-8"), functions)
    rng = np.random.default_rng(11)
    cases = []
    for name, arguments in of(rng):
        cases.append(answered(functions, name, arguments, rng, not cases))
    return cases


if __name__ == "__main__":
    worked = {of.__name__: work_out(of) for of in (gru, coupled, additive, bpr, layernorm)}
    unseen.WORKED.write_text(json.dumps(as_json(worked)) + "\n", "utf-8")
