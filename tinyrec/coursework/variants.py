"""Exercises whose solution is nowhere in the package: five variants of the layers.

There is no reference to compare with. A backward is held to the numerical gradient of the
learner's own forward. A forward is held to what must be true of it (a gate at 1 keeps the state,
weights sum to one, …) and to one small case worked out once and kept as numbers; it is asked in
ever new guises, turned and renumbered so that its answer stays known. A usual mistake is kept as
the number that it leads to in the small case.
"""

from typing import NamedTuple

import numpy as np

from .child import NUDGE, flat
from .exercise import BOTH, T_D, T_H, Exercise, Part

OPEN = 60.0  # a pre-activation at which σ and tanh are 1


class Known(NamedTuple):
    """A usual mistake, known by the fingerprint of an array in the small case."""

    equation: int
    sentence: str
    array: str
    number: float


def recognised(mistake, found, due):
    """What was found if it has the mistake in it, else what is due."""
    array = found[0].get(mistake.array)
    made = array is not None and np.isclose(fingerprint(array), mistake.number, rtol=1e-6)
    return found if made else due


def fingerprint(array):
    return float(array.ravel() @ wave(array.size, start=0.5))


def wave(*shape, start):
    """Numbers between −1 and 1 without a pattern, the same in every run."""
    return np.sin(start + 0.7 * np.arange(np.prod(shape)) ** 2.0).reshape(shape)


def due(cases, found):
    """What each case's arrays have to be: an array known before, or a rule on what was found."""
    with np.errstate(all="ignore"):
        return [gradients(case, f) | {name: by_rule(rule, f) for name, rule in case["due"].items()}
                for case, f in zip(cases, found, strict=True)]  # fmt: skip


def by_rule(rule, found):
    if not callable(rule):
        return rule
    try:
        return rule(found)
    except (ValueError, IndexError):  # the shape is wrong, which is said elsewhere
        return np.array(np.inf)


def gradients(case, found):
    """{name: the numerical gradient}, from the outputs with one entry nudged up and down.

    It is infinite where the output does not depend on the argument: nothing is earned there.
    """
    due = {}
    nudged = [name for name in case.get("nudge", {}) if "nudged " + name in found]
    for name in nudged:
        index = case["nudge"][name]
        outputs, d_output = found["nudged " + name], flat(case["d_output"])
        due[name] = np.full(case["arguments"][index].shape, np.inf)
        if outputs.shape[-1] == d_output.size and np.ptp(outputs, axis=1).any():
            slopes = (outputs[:, 0] - outputs[:, 1]) @ d_output / (2 * NUDGE)
            due[name] = slopes.reshape(due[name].shape)
    return due


def case_of(arguments, d_output, nudge, answer, properties):
    """properties: name -> (arguments, what is due there)."""
    also = {name: asked for name, (asked, _) in properties.items()}
    known = {"output": answer} | {name: due for name, (_, due) in properties.items()}
    return {"arguments": arguments, "d_output": d_output, "nudge": nudge, "also": also,
            "due": known}  # fmt: skip


def mixing(rng, size):
    """A random rotation: (size, size), its transpose undoes it."""
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def repeated(array, leading):
    return np.broadcast_to(array, (*leading, *array.shape)).copy()


# Recurrent layers with three gates: x, W, U, b and the state before the first step.


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
            lambda found: np.tanh(k.driven(2, k.before(found["output plain"]))),
        ),
        "output half r": (
            [*k.at({0: 0.0, 1: -OPEN}), k.state],
            lambda found: np.tanh(k.driven(2, k.before(found["output half r"]) / 2)),
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
            lambda found: np.tanh(np.tanh(k.driven(1, k.before(found["output new"])))),
        ),
        "output half": (k.at({0: 0.0, 1: OPEN, 2: OPEN}), np.tanh(1 - k.halved(one))),
        "output sum": ([*k.at({1: OPEN, 2: OPEN}), (k.state, one)], k.everywhere(np.tanh(one))),
        "output shut": ([*k.at({2: -OPEN}), (k.state, c0)], k.everywhere(0 * one)),
    }  # fmt: skip


def coupled_cases(rng):
    states = [wave(3, start=5), 2 * wave(3, start=6)]
    return recurrent_cases(rng, states, tuple, COUPLED_ANSWER, coupled_properties)


# Additive attention: h, Wq, Wk, v.


def additive_properties(rng, leading):
    T, H, A = 6, *(int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
    h, v = rng.normal(size=(*leading, T, H)), rng.normal(size=A)
    Wq, Wk = rng.normal(size=(2, H, A))
    alike = np.repeat(h[..., :1, :], T, axis=-2)
    mean = h.cumsum(axis=-2) / np.arange(1, T + 1)[:, None]
    future, past = h.copy(), h.copy()
    future[..., 3:, :] = rng.normal(size=future[..., 3:, :].shape)
    past[..., :-1, :] = h[..., -2::-1, :]

    def same_past(found):
        due = found["output causal"].copy()
        due[..., :3, :] = found["output plain"][..., :3, :]
        return due

    def same_last(found):
        due = found["output order"].copy()
        due[..., -1, :] = found["output plain"][..., -1, :]
        return due

    return {
        "output first": ([h[..., :1, :], Wq, Wk, v], h[..., :1, :]),
        "output alike": ([alike, Wq, Wk, v], alike),
        "output even": ([h, Wq, Wk, 0 * v], mean),
        "output keyless": ([h, Wq, 0 * Wk, v], mean),
        "output plain": ([h, Wq, Wk, v], lambda found: found["output plain"]),
        "output causal": ([future, Wq, Wk, v], same_past),
        "output order": ([past, Wq, Wk, v], same_last),
    }


def additive_cases(rng):
    """States rotated, and the small network's units renumbered and one of them doubled."""
    cases = []
    for leading in (None, (), (2,)):
        h, v, answer = wave(4, 3, start=1), 2 * wave(2, start=4), np.array(ADDITIVE_ANSWER)
        Wq, Wk = wave(3, 2, start=2), wave(3, 2, start=3)
        d_output = wave(4, 3, start=7)
        if leading is not None:
            rotation = mixing(rng, 3)
            units = rng.permutation([0, 1, 1])
            v = v[units] / np.array([1, 2])[units]
            Wq, Wk = (rotation.T @ W[:, units] for W in (Wq, Wk))
            h, answer = repeated(h @ rotation, leading), repeated(answer @ rotation, leading)
            d_output = rng.normal(size=answer.shape)
        nudge = {"d_input": 0, "Wq": 1, "Wk": 2, "v": 3}
        properties = additive_properties(rng, leading or ())
        cases.append(case_of([h, Wq, Wk, v], d_output, nudge, answer, properties))
    return cases


# BPR: z_positive, z_negative, lengths.


def bpr_properties(rng):
    T, K = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
    lengths = np.array([T, 1, T - 1])
    z, others, row = rng.normal(size=(3, T)), rng.normal(size=(3, T, K)), rng.normal(size=(3, T))
    padded = np.arange(T) >= lengths[:, None]
    far = np.full((3, T), 1000.0)

    def plain(found):
        return found["output plain"]

    return {
        "output even": ([row, np.repeat(row[..., None], K, axis=-1), lengths], np.log(2)),
        "output won": ([far, 0 * others, lengths], np.array(0.0)),
        "output lost": ([-far, 0 * others, lengths], np.array(1000.0)),
        "output plain": ([z, others, lengths], plain),
        "output shifted": ([z + row, others + row[..., None], lengths], plain),
        "output padded": ([z + 9 * padded, others - 9 * padded[..., None], lengths], plain),
    }


def bpr_cases(rng):
    """Rows of known loss, drawn anew; their logits moved, their negatives drawn twice; padding."""
    z, others, of_row = wave(6, start=1), 2 * wave(6, 3, start=2), np.array(BPR_ANSWER)
    small, drawn = np.arange(6).reshape(2, 3), rng.integers(0, 6, (2, 5))
    cases = []
    for rows, lengths in ((small, [3, 1]), (drawn, [5, 2]), (drawn[0], 4)):
        asked = [z[rows], others[rows], np.array(lengths)]
        if rows is not small:
            moved = rng.normal(size=rows.shape)
            asked[:2] = asked[0] + moved, np.tile(asked[1] + moved[..., None], 2)
        real = np.arange(rows.shape[-1]) < asked[2][..., None]
        answer = np.array(of_row[rows][real].mean())
        nudge = {"d_input": 0, "d_input 2": 1}
        cases.append(case_of(asked, 1.0, nudge, answer, bpr_properties(rng)))
    return cases


# Layer normalisation: x, gain, shift, eps.


def layernorm_properties(rng, leading):
    T, D = (int(n) for n in rng.permutation([3, 4, 5])[:2])  # of two, mean is median
    x, shift = rng.normal(size=(*leading, T, D)) + 1, rng.normal(size=D)
    one, zero = np.ones(D), np.zeros(D)
    slope, level = rng.uniform(0.5, 3, (2, *leading, T, 1))
    variance = x.var(axis=-1, keepdims=True)

    def centred(found):
        y = found["output centred"]
        return y - y.mean(axis=-1, keepdims=True) + 3

    def spread(found):
        y = found["output spread"]
        middle = y.mean(axis=-1, keepdims=True)
        factor = np.sqrt(variance / (variance + 1e-5)) / y.std(axis=-1, keepdims=True)
        return middle + (y - middle) * factor

    def line(found):
        y = found["output line"].copy()
        y[..., T:, :] = y[..., :T, :]
        return y

    both = np.concatenate([x, slope * x + level], axis=-2)
    flat = np.repeat(x[..., :1], D, axis=-1)
    return {
        "output centred": ([x, one, 3 * one], centred),
        "output spread": ([x, one, zero], spread),
        "output line": ([both, one, zero, 0.0], line),
        "output level": ([flat, one, shift], np.broadcast_to(shift, x.shape)),
        "output shift": ([x, zero, shift], np.broadcast_to(shift, x.shape)),
    }


def layernorm_cases(rng):
    """Each row moved, features renumbered and all of them doubled."""
    cases = []
    for leading in (None, (), (2,)):
        x, gain, shift = wave(3, 4, start=1), wave(4, start=2), wave(4, start=3)
        answer, d_output = np.array(LAYERNORM_ANSWER), wave(3, 4, start=7)
        if leading is not None:
            order = rng.permutation([0, 1, 2, 3] * 2)
            x, answer = repeated(x[:, order], leading), repeated(answer[:, order], leading)
            x, gain, shift = x + rng.normal(size=(*leading, 3, 1)), gain[order], shift[order]
            d_output = rng.normal(size=answer.shape)
        nudge = {"d_input": 0, "gain": 1, "shift": 2}
        properties = layernorm_properties(rng, leading or ())
        cases.append(case_of([x, gain, shift, 0.1], d_output, nudge, answer, properties))
    return cases


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
ADDITIVE_ANSWER = (
    (0.841470985, 0.99166481, -0.611857891),
    (0.843585322, 0.673323651, -0.54833152),
    (0.846331849, 0.403062806, -0.443476976),
    (0.878990948, 0.745856994, -0.640101413),
)
BPR_ANSWER = (0.684509661, 0.927579576, 1.39637139, 0.594718682, 2.0822413, 0.94575946)
LAYERNORM_ANSWER = (
    (0.545603282, -0.251471486, 1.08275638, 0.536888759),
    (-0.174072972, -0.667966832, -1.94829734, -0.614939038),
    (0.652086152, -0.31953454, -1.00139366, -1.31258365),
)

GRU_MISTAKES = (
    Known(17, "your gates stand in the order z, r, n: it is r, z, n, in (17) and (18)",
          "output", -1.5507428),
    Known(17, "your reset gate is tanh: gates are shares between 0 and 1, so σ, in (17)",
          "output", -1.96883071),
    Known(17, "h_{t−1} U_r is missing in your reset gate: look at (17)",
          "output", -1.8694397),
    Known(18, "your update gate is tanh: gates are shares between 0 and 1, so σ, in (18)",
          "output", -1.34720623),
    Known(18, "h_{t−1} U_z is missing in your update gate: look at (18)",
          "output", -2.06651491),
    Known(19, "your candidate n is σ: it must be able to be negative, so tanh, in (19)",
          "output", -0.0768123102),
    Known(19, "your candidate n lacks its tanh: look at (19)",
          "output", -1.99236097),
    Known(19, "the reset gate is missing: n reads (r ⊙ h_{t−1}) U_n, in (19)",
          "output", -1.87534128),
    Known(19, "your reset gate comes after the product: it is (r ⊙ h_{t−1}) U_n, in (19)",
          "output", -1.7494916),
    Known(19, "your reset gate takes part of x_t away too: it is for h_{t−1} alone, in (19)",
          "output", -1.41763271),
    Known(19, "n does not read h_{t−1}: (r ⊙ h_{t−1}) U_n is missing in (19)",
          "output", -1.72136292),
    Known(20, "z and 1 − z have changed places: z is what is kept of h_{t−1}, in (20)",
          "output", -1.16475994),
    Known(20, "your h_t keeps nothing of h_{t−1}: z ⊙ h_{t−1} is missing in (20)",
          "output", -0.938972449),
    Known(20, "your h_t takes all of n: its share is 1 − z, in (20)",
          "output", -1.79270899),
    Known(20, "your h_t keeps all of h_{t−1}: its share is z, in (20)",
          "output", -4.15041534),
    Known(20, "you start from zeros although a state is given",
          "output", -0.762858758),
    Known(20, "your h_{t−1} stays what it was before the first step",
          "output", -2.58900281),
    Known(17, "the bias b is missing: look at (17) to (19)",
          "output", -1.53960123),
    Known(20, "∂h of the next step does not come back in your loop",
          "d_input", -0.922036308),
    Known(20, "∂h_{t−1} lacks what z keeps, ∂h ⊙ z: look at ∂(20)",
          "d_input", -1.07287119),
    Known(20, "∂z has the wrong sign: it is ∂h ⊙ (h_{t−1} − n), ∂(20)",
          "d_input", 0.810090068),
    Known(20, "∂z lacks n: both shares depend on z, so it is ∂h ⊙ (h_{t−1} − n), ∂(20)",
          "d_input", -0.368569805),
    Known(20, "∂n takes z: its share is 1 − z, ∂(20)",
          "d_input", -0.908290602),
    Known(19, "tanh' = 1 − n² is missing: look at ∂(19)",
          "d_input", -1.7164952),
    Known(19, "∂h_{t−1} through r ⊙ h_{t−1} lacks the factor r: look at ∂(19)",
          "d_input", -0.833866546),
    Known(19, "∂h_{t−1} lacks what comes through r ⊙ h_{t−1}: look at ∂(19)",
          "d_input", -0.661747558),
    Known(19, "∂r lacks the factor h_{t−1}: look at ∂(19)",
          "d_input", -0.811412898),
    Known(17, "σ' = r (1 − r) is missing at the reset gate: look at ∂(17)",
          "d_input", -0.944545245),
    Known(18, "σ' = z (1 − z) is missing at the update gate: look at ∂(18)",
          "d_input", -4.51931561),
    Known(17, "∂h_{t−1} lacks what comes through U_r and U_z: look at ∂(17) and ∂(18)",
          "d_input", -0.824333647),
    Known(19, "your dU_n multiplies with h_{t−1}: n reads r ⊙ h_{t−1}, so dU_n does",
          "U", -0.405182314),
    Known(17, "your dU multiplies with h_t: the gates read h_{t−1}",
          "U", -0.337340751),
    Known(17, "your db is a mean: the bias is used in every row, so db is a sum",
          "b", 0.107576221),
)  # fmt: skip

COUPLED_MISTAKES = (
    Known(21, "your forget gate is tanh: gates are shares between 0 and 1, so σ, in (21)",
          "output", -0.0755018291),
    Known(22, "your candidate g is σ: it must be able to be negative, so tanh, in (22)",
          "output", 0.22201257),
    Known(23, "your output gate is tanh: gates are shares between 0 and 1, so σ, in (23)",
          "output", 0.372511234),
    Known(22, "your gates stand in the order f, o, g: it is f, g, o, in (22) and (23)",
          "output", -0.220697183),
    Known(21, "your gates stand in the order g, f, o: it is f, g, o, in (21) and (22)",
          "output", -0.379141675),
    Known(24, "f and 1 − f have changed places: f is what is kept of c_{t−1}, in (24)",
          "output", -0.119025811),
    Known(24, "your c_t adds all of g_t: its share is 1 − f, in (24)",
          "output", -0.171660499),
    Known(24, "your c_t lets in f ⊙ g_t: what is let in is 1 − f, in (24)",
          "output", -0.0568493789),
    Known(24, "your c_t keeps all of c_{t−1}: its share is f, in (24)",
          "output", -0.250307272),
    Known(24, "your c_t forgets what was before: f ⊙ c_{t−1} is missing in (24)",
          "output", -0.194601816),
    Known(25, "your h_t shows c_t itself: tanh(c_t) is due in (25)",
          "output", -0.24603021),
    Known(25, "your h_t leaves out the output gate: look at (25)",
          "output", -1.05033873),
    Known(25, "your h_t is made of c_{t−1}: (25) shows the memory after (24)",
          "output", -0.301308251),
    Known(21, "the bias b is missing: look at (21) to (23)",
          "output", -0.361819915),
    Known(21, "h_{t−1} U is missing: look at (21) to (23)",
          "output", -0.357973185),
    Known(21, "your gates take c_{t−1} in place of h_{t−1}: look at (21) to (23)",
          "output", -0.0775861196),
    Known(25, "you start from zeros although a state (h0, c0) is given",
          "output", -0.200781926),
    Known(24, "∂c of the next step is lost: ∂c_{t−1} = ∂c_t ⊙ f_t, ∂(24)",
          "d_input", 0.0192542251),
    Known(24, "your ∂c_{t−1} lacks the factor f_t: look at ∂(24)",
          "d_input", -0.151393101),
    Known(21, "∂h of the next step does not come back through U in your loop",
          "d_input", 0.0208289122),
    Known(24, "∂f lacks − g: both shares depend on f, so it is ∂c ⊙ (c_{t−1} − g), ∂(24)",
          "d_input", 0.000151271611),
    Known(24, "∂f lacks c_{t−1}: both shares depend on f, so it is ∂c ⊙ (c_{t−1} − g), ∂(24)",
          "d_input", -0.10907274),
    Known(24, "∂f has the wrong sign: it is ∂c ⊙ (c_{t−1} − g), ∂(24)",
          "d_input", 0.0268203837),
    Known(24, "∂f takes c_t: (24) multiplies f_t with c_{t−1}, so ∂(24) does",
          "d_input", -0.0507066241),
    Known(24, "∂g takes f: its share is 1 − f, ∂(24)",
          "d_input", -0.107853863),
    Known(25, "your ∂c_t lacks tanh' = 1 − tanh²(c_t): look at ∂(25)",
          "d_input", -0.09199776),
    Known(25, "your ∂c_t lacks the output gate: look at ∂(25)",
          "d_input", 0.00821422009),
    Known(25, "your ∂o_t takes c_t in place of tanh(c_t): look at ∂(25)",
          "d_input", -0.110307736),
    Known(21, "σ' = f (1 − f) is missing at the forget gate: look at ∂(21)",
          "d_input", -0.25752426),
    Known(22, "tanh' = 1 − g² is missing at the candidate: look at ∂(22)",
          "d_input", -0.199408252),
    Known(23, "σ' = o (1 − o) is missing at the output gate: look at ∂(23)",
          "d_input", -1.09652491),
    Known(21, "your dU multiplies with h_t: the gates read h_{t−1}",
          "U", -0.0926247508),
    Known(21, "your db is a mean: the bias is used in every row, so db is a sum",
          "b", -0.0690627202),
)  # fmt: skip

ADDITIVE_MISTAKES = (
    Known(26, "the tanh is missing between the two layers: look at (26)",
          "output", 3.06274027),
    Known(26, "your small network has σ where (26) has tanh",
          "output", 3.28152302),
    Known(26, "queries and keys have changed places: row t holds h_t W_q + h_s W_k, in (26)",
          "output", 3.45772239),
    Known(26, "you multiply query and key: here they are added, in (26)",
          "output", 2.32390175),
    Known(26, "the scores are divided by a root: that belongs to (9), not to (26)",
          "output", 3.22609054),
    Known(26, "v is missing: the score is v · tanh(…), not its sum, in (26)",
          "output", 2.91850654),
    Known(27, "a step looks into the future: the scores of s > t have to be −∞, in (27)",
          "output", 2.77266885),
    Known(27, "the future gets the score 0 and so some weight: it has to be −∞, in (27)",
          "output", 2.57744815),
    Known(27, "the mask is the wrong way round: a step looks at the past, s ≤ t, in (27)",
          "output", 3.0250329),
    Known(27, "the softmax runs over the queries: each row t sums to one over s, in (27)",
          "output", 3.75600474),
    Known(27, "the weights do not sum to one: look at (27)",
          "output", 4.71529242),
    Known(28, "your weights are transposed: long_t = Σ_s w_ts h_s, in (28)",
          "output", 3.10219443),
    Known(28, "∂h lacks what comes through the sum, Σ_t w_ts ∂long_t: look at ∂(28)",
          "d_input", -0.0676050547),
    Known(28, "∂h takes w where its transpose is due: h_s is read by all t ≥ s, ∂(28)",
          "d_input", 2.62773036),
    Known(26, "∂h lacks what comes through the queries: look at ∂(26)",
          "d_input", 2.45821691),
    Known(26, "∂h lacks what comes through the keys: look at ∂(26)",
          "d_input", 2.80406095),
    Known(27, "the softmax's gradient lacks − Σ w ∂w: all weights share one sum, ∂(27)",
          "d_input", 0.683196567),
    Known(27, "the softmax's gradient lacks the factor w: look at ∂(27)",
          "d_input", 3.49174971),
    Known(26, "tanh' = 1 − tanh² is missing: look at ∂(26)",
          "d_input", 2.60113889),
    Known(26, "v is missing on the way back: look at ∂(26)",
          "d_input", 2.70738834),
    Known(26, "∂q and ∂k have changed places: ∂q_t is the sum over s, ∂k_s over t, ∂(26)",
          "d_input", 2.53657769),
    Known(26, "the gradients of W_q and W_k have changed places: look at ∂(26)",
          "Wq", 0.359220902),
    Known(26, "your dv takes ∂w: v makes the scores, so it is Σ ∂scores tanh(…), ∂(26)",
          "v", -4.6322164),
)  # fmt: skip

BPR_MISTAKES = (
    Known(29, "the difference has the wrong sign: it is z⁺ − z⁻, in (29)",
          "output", 0.45731641),
    Known(29, "the logarithm is missing: (29) takes −log σ",
          "output", -0.233875034),
    Known(29, "the minus is missing: (29) takes −log σ",
          "output", -0.431864045),
    Known(29, "you sum over the negatives: (29) is their mean",
          "output", 1.29559214),
    Known(29, "you divide by K + 1: there are K pairs, in (29)",
          "output", 0.323898034),
    Known(29, "the sum is not divided by the number of real rows: look at (29)",
          "output", 1.72745618),
    Known(29, "the sum is divided by all rows: (29) divides by the real ones",
          "output", 0.287909363),
    Known(29, "padded rows are counted: they weigh nothing, in (29)",
          "output", 0.794789269),
    Known(29, "you average the negatives' logits first: (29) averages the losses",
          "output", 0.344385017),
    Known(29, "that is cross-entropy, each logit on its own: (29) takes σ of the difference",
          "output", 0.818263905),
    Known(29, "your margin is a hinge, max(0, 1 − d): (29) takes −log σ(d)",
          "output", 0.611781935),
    Known(29, "∂z⁺ has the wrong sign: a higher logit of the next item lowers the loss, ∂(29)",
          "d_input", 0.214022814),
    Known(29, "∂z⁻ has the wrong sign: a higher logit of a negative raises the loss, ∂(29)",
          "d_input 2", -0.193215784),
    Known(29, "∂z⁺ is a mean over the negatives: it is the sum of all pairs' parts, ∂(29)",
          "d_input", -0.0713409381),
    Known(29, "you take σ(z⁺ − z⁻): the derivative of −log σ(d) is −σ(−d), ∂(29)",
          "d_input", -0.222935256),
    Known(29, "you take σ' = σ (1 − σ): the derivative of −log σ(d) is −σ(−d), ∂(29)",
          "d_input", -0.0905776312),
    Known(29, "padded rows send a gradient back: they weigh nothing, ∂(29)",
          "d_input", 0.051793437),
)  # fmt: skip

LAYERNORM_MISTAKES = (
    Known(30, "the mean is not taken off: look at (31)",
          "output", 1.03590466),
    Known(30, "mean and variance run over the steps: each row has its own, over D, in (30)",
          "output", 1.31847222),
    Known(30, "one mean and variance for everything: each row has its own, over D, in (30)",
          "output", 1.09785587),
    Known(30, "the variance is divided by D − 1: it is a mean over D, in (30)",
          "output", -0.296005878),
    Known(30, "your variance is the mean of x²: the mean goes off first, in (30)",
          "output", -0.376887031),
    Known(31, "the root is missing: (31) divides by √(variance + ε)",
          "output", -0.0369287673),
    Known(31, "ε stands outside the root: (31) has √(variance + ε)",
          "output", -0.239644174),
    Known(31, "ε is missing: look at (31)",
          "output", -0.143493701),
    Known(32, "the shift is missing: look at (32)",
          "output", 0.760939473),
    Known(32, "the gain is missing: look at (32)",
          "output", 3.78593964),
    Known(32, "the gain multiplies the shift too: look at (32)",
          "output", 1.28834974),
    Known(31, "∂x is ∂y divided by the deviation only: mean and variance depend on x too, ∂(31)",
          "d_input", 2.10546753),
    Known(31, "∂x lacks what comes through the mean: look at ∂(31)",
          "d_input", 1.67536788),
    Known(31, "∂x lacks what comes through the variance: look at ∂(31)",
          "d_input", 0.228893985),
    Known(31, "∂x adds what comes through mean and variance: both go off, ∂(31)",
          "d_input", 4.41214072),
    Known(31, "∂x is not divided by the deviation: look at ∂(31)",
          "d_input", -0.142335109),
    Known(32, "the gain is missing on the way back: look at ∂(32)",
          "d_input", 1.20605732),
    Known(32, "dgain and dshift have changed places: look at ∂(32)",
          "gain", 1.20929752),
    Known(32, "dshift is a mean: the shift is used in every row, so dshift is a sum, ∂(32)",
          "shift", 0.403099175),
    Known(32, "dgain is a mean: the gain is used in every row, so dgain is a sum, ∂(32)",
          "gain", 0.689449505),
)  # fmt: skip

RECURRENT = {"d_input": T_D, "W": ("D", "3H"), "U": ("H", "3H")}


def variant(cases, parts, mistakes, axes, **others):
    return Exercise("variant", BOTH, None, cases, parts, mistakes, axes, **others)


def with_outputs(cases, parts, mistakes, axes, **others):
    """A variant all of whose outputs are T states."""
    outputs = [part.name for part in parts if part.name.startswith("output")]
    return variant(cases, parts, mistakes, dict.fromkeys(outputs, T_H) | axes, **others)


VARIANTS = {
    "gru": with_outputs(
        gru_cases,
        (Part("output kept", 20, 1, "h where z = 1 (the state stays)"),
         Part("output new", 19, 1, "h where r = 0 and z = 0 (tanh of x W_n + b_n)"),
         Part("output plain", 19, 1, "h where r = 1 and z = 0 (a plain recurrent layer)"),
         Part("output half r", 17, 1, "h where r = ½ and z = 0 (half of h_{t−1} is read)"),
         Part("output half z", 18, 1, "h where z = ½ and n = 1 (halfway to 1 at each step)"),
         Part("output between", 20, 1, "h where n = 1 and h0 = 1 (shares of two ones: one)"),
         Part("output", 20, 4, "forward: h"),
         Part("d_input", 19, 3, "backward: dx"), Part("W", 19, 2, "backward: dW"),
         Part("U", 19, 2, "backward: dU"), Part("b", 19, 1, "backward: db")),
        GRU_MISTAKES, RECURRENT, gates={"r": (17, 19), "z": (18, 20), "n": (19, 20)}),
    "coupled": with_outputs(
        coupled_cases,
        (Part("output kept", 24, 1, "h where f = 1 and o = 1 (the memory stays)"),
         Part("output half", 21, 1, "h where f = ½, g = 1 and o = 1 (halfway to 1 at each step)"),
         Part("output sum", 24, 1, "h where g = 1, c0 = 1 and o = 1 (shares of two ones: one)"),
         Part("output new", 22, 1, "h where f = 0 and o = 1 (the memory is g)"),
         Part("output shut", 25, 1, "h where o = 0 (nothing is shown)"),
         Part("output", 25, 5, "forward: h"),
         Part("d_input", 24, 3, "backward: dx"), Part("W", 24, 2, "backward: dW"),
         Part("U", 24, 2, "backward: dU"), Part("b", 24, 1, "backward: db")),
        COUPLED_MISTAKES, RECURRENT, gates={"f": (21, 24), "g": (22, 24), "o": (23, 25)}),
    "additive": with_outputs(
        additive_cases,
        (Part("output first", 28, 1, "long of a single step (its own state)"),
         Part("output alike", 27, 1, "long of states that are all alike (that state)"),
         Part("output even", 27, 1, "long where v = 0 (the mean of the states so far)"),
         Part("output keyless", 26, 1, "long where W_k = 0 (the mean of the states so far)"),
         Part("output causal", 27, 1, "long of the first steps of another future (the same)"),
         Part("output order", 28, 1, "long_T of the same past in another order (the same)"),
         Part("output", 26, 4, "forward: long"),
         Part("d_input", 28, 3, "backward: dh"), Part("Wq", 26, 2, "backward: dWq"),
         Part("Wk", 26, 2, "backward: dWk"), Part("v", 26, 1, "backward: dv")),
        ADDITIVE_MISTAKES, {"d_input": T_H}),
    "bpr": variant(
        bpr_cases,
        (Part("output even", 29, 1, "the loss of logits all alike (log 2)"),
         Part("output won", 29, 1, "the loss where each next item is 1000 above (0)"),
         Part("output lost", 29, 1, "the loss where each next item is 1000 below (1000)"),
         Part("output shifted", 29, 1, "the loss of logits all moved alike (the same)"),
         Part("output padded", 29, 1, "the loss with other padding (the same)"),
         Part("output", 29, 3, "forward: the loss"),
         Part("d_input", 29, 2, "backward: ∂z⁺"), Part("d_input 2", 29, 2, "backward: ∂z⁻")),
        BPR_MISTAKES, {}),
    "layernorm": variant(
        layernorm_cases,
        (Part("output centred", 30, 1, "y where gain = 1 and shift = 3 (a mean of 3)"),
         Part("output spread", 31, 1, "y where gain = 1 (a variance of σ²/(σ² + ε))"),
         Part("output line", 31, 1, "y of a x + b (the same as of x)"),
         Part("output level", 31, 1, "y of a row of equal numbers (the shift)"),
         Part("output shift", 32, 1, "y where gain = 0 (the shift)"),
         Part("output", 32, 3, "forward: y"),
         Part("d_input", 31, 4, "backward: dx"), Part("gain", 32, 1, "backward: dgain"),
         Part("shift", 32, 1, "backward: dshift")),
        LAYERNORM_MISTAKES, {"output": T_D, "d_input": T_D}),
}  # fmt: skip
