"""Additive attention, BPR and layer normalisation: no solution in the package (unseen.py)."""

import numpy as np

from .exercise import BOTH, T_D, T_H, Exercise
from .unseen import case_of, mixing, repeated, wave

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
LAYERNORM_ANSWER = (
    (0.545603282, -0.251471486, 1.08275638, 0.536888759),
    (-0.174072972, -0.667966832, -1.94829734, -0.614939038),
    (0.652086152, -0.31953454, -1.00139366, -1.31258365),
)


def additive_properties(rng, leading):
    T, H, A = 6, *(int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
    h, v = rng.normal(size=(*leading, T, H)), rng.normal(size=A)
    Wq, Wk = rng.normal(size=(2, H, A))
    alike = np.repeat(h[..., :1, :], T, axis=-2)
    mean = h.cumsum(axis=-2) / np.arange(1, T + 1)[:, None]
    future, past = h.copy(), h.copy()
    future[..., 3:, :] = rng.normal(size=future[..., 3:, :].shape)
    past[..., :-1, :] = h[..., -2::-1, :]

    def same_past(arrays):
        expected = arrays["output causal"].copy()
        expected[..., :3, :] = arrays["output plain"][..., :3, :]
        return expected

    def same_last(arrays):
        expected = arrays["output order"].copy()
        expected[..., -1, :] = arrays["output plain"][..., -1, :]
        return expected

    return {
        "output first": ([h[..., :1, :], Wq, Wk, v], h[..., :1, :]),
        "output alike": ([alike, Wq, Wk, v], alike),
        "output even": ([h, Wq, Wk, 0 * v], mean),
        "output keyless": ([h, Wq, 0 * Wk, v], mean),
        "output plain": ([h, Wq, Wk, v], lambda arrays: arrays["output plain"]),
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


def bpr_properties(rng):
    T, K = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
    lengths = np.array([T, 1, T - 1])
    z, others, row = rng.normal(size=(3, T)), rng.normal(size=(3, T, K)), rng.normal(size=(3, T))
    padded = np.arange(T) >= lengths[:, None]
    far = np.full((3, T), 1000.0)

    def plain(arrays):
        return arrays["output plain"]

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


def layernorm_properties(rng, leading):
    T, D = (int(n) for n in rng.permutation([3, 4, 5])[:2])  # of two, mean is median
    x, shift = rng.normal(size=(*leading, T, D)) + 1, rng.normal(size=D)
    one, zero = np.ones(D), np.zeros(D)
    slope, level = rng.uniform(0.5, 3, (2, *leading, T, 1))
    variance = x.var(axis=-1, keepdims=True)

    def centred(arrays):
        y = arrays["output centred"]
        return y - y.mean(axis=-1, keepdims=True) + 3

    def spread(arrays):
        y = arrays["output spread"]
        middle = y.mean(axis=-1, keepdims=True)
        factor = np.sqrt(variance / (variance + 1e-5)) / y.std(axis=-1, keepdims=True)
        return middle + (y - middle) * factor

    def line(arrays):
        y = arrays["output line"].copy()
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


EXERCISES = (
    Exercise("additive", "layer", BOTH, None, additive_cases, {"output": T_H, "d_input": T_H}),
    Exercise("bpr", "layer", BOTH, None, bpr_cases),
    Exercise("layernorm", "layer", BOTH, None, layernorm_cases, {"output": T_D, "d_input": T_D}),
)
