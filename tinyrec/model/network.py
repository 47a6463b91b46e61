"""The whole network, forward and backward, from a block of histories to the loss.

A block holds B users' histories, padded on the right to T; N items, M kinds, K negatives.
The layers come from a room given as `layers`: an object with modules (or anything that has
`forward` and `backward`) of the names in LAYERS. Here E and bias are the items' whole vectors and
biases: what is known about items has joined them before, and `content` is nowhere below.
"""

from typing import NamedTuple

import numpy as np

LAYERS = ("content", "embedding", "dropout", "lstm", "attention", "interest", "scorer", "loss")


class Block(NamedTuple):
    items: np.ndarray  # (B, T), what was taken at each step
    kinds: np.ndarray  # (B, T), how (viewed, bought, …)
    positives: np.ndarray  # (B, T), what was taken next
    negatives: np.ndarray  # (B, K), items drawn evenly, a user's own
    lengths: np.ndarray  # (B,), real steps; the rest is padding
    numbers: np.ndarray  # (B, T, R), what else is known of each event


class Caches(NamedTuple):
    embedding: NamedTuple
    drop_x: tuple
    lstm: NamedTuple
    attention: NamedTuple
    drop_long: tuple
    drop_h: tuple
    interest: NamedTuple


class Kept(NamedTuple):
    """What dropout keeps of x, long and h (all of it where None), and 1 / (share kept)."""

    x: np.ndarray | None = None  # (B, T, D) bool
    long: np.ndarray | None = None  # (B, T, H)
    h: np.ndarray | None = None  # (B, T, H)
    scale: float = 1.0


EVERYTHING = Kept()


# The parameters and their shapes; from this table come initial values and gradient checks.
PARAMETERS = {
    "E": "N D", "A": "M D", "F": "R D",
    "W": "D 4H", "U": "H 4H", "b": "4H",
    "Wq": "H H", "Wk": "H H",
    "Wu": "2H D", "bu": "D", "fade": "D",
    "bias": "N",
}  # fmt: skip


def shape(text, **sizes):
    """"D 4H" with D=3, H=2 is (3, 8)."""
    return tuple(int(part[:-1] or 1) * sizes[part[-1]] for part in text.split())


def initial(rng, items, kinds, dim, hidden, dtype=np.float32, numbers=0):
    """Fresh parameters: vectors of items and kinds are small, biases zero, and a matrix is
    normal with variance one over the number of its rows.
    """

    def fresh(name, rows, *columns):
        if not columns:
            return np.zeros(rows, dtype)
        std = 0.05 if name in ("E", "A", "F") else rows**-0.5
        return rng.normal(0, std, (rows, *columns)).astype(dtype)

    sizes = {"N": items, "M": kinds, "D": dim, "H": hidden, "R": numbers}
    return {name: fresh(name, *shape(text, **sizes)) for name, text in PARAMETERS.items()}


def interest(params, items, kinds, numbers, layers, kept=EVERYTHING):
    """Equations (1) to (11): returns u (B, T, D) and the caches of the layers passed."""
    p, drop = params, layers.dropout.forward
    x, embedding = layers.embedding.forward(items, kinds, numbers, p["E"], p["A"], p["F"])
    x, drop_x = drop(x, kept.x, kept.scale)
    h, lstm = layers.lstm.forward(x, p["W"], p["U"], p["b"])
    long, attention = layers.attention.forward(h, p["Wq"], p["Wk"])
    long, drop_long = drop(long, kept.long, kept.scale)
    h, drop_h = drop(h, kept.h, kept.scale)
    u, both = layers.interest.forward(long, h, x, p["Wu"], p["bu"], p["fade"])
    return u, Caches(embedding, drop_x, lstm, attention, drop_long, drop_h, both)


def next_logits(params, items, kinds, numbers, lengths, layers):
    """The logits of all N items after each history's last event: (B, N).

    Numbers that overflow are let through: where a score is not a number, the rank is the worst.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        u = last_interest(params, items, kinds, numbers, lengths, layers)
        return every_logit(u, params["E"], params["bias"], layers.scorer)


def last_interest(params, items, kinds, numbers, lengths, layers):
    """u (B, D) after each history's last event; (10) and (11) are computed for it alone.

    Layers of one's own that have no function `last` are asked for every row.
    """
    p, last = params, (np.arange(len(items)), lengths - 1)
    if not (hasattr(layers.attention, "last") and hasattr(layers.interest, "last")):
        return interest(p, items, kinds, numbers, layers)[0][last]

    def undropped(x):
        return layers.dropout.forward(x, None, 1.0)[0]

    x, _ = layers.embedding.forward(items, kinds, numbers, p["E"], p["A"], p["F"])
    x = undropped(x)
    h, _ = layers.lstm.forward(x, p["W"], p["U"], p["b"])
    long = undropped(layers.attention.last(h, p["Wq"], p["Wk"], lengths))
    both = long, undropped(h[last])
    return layers.interest.last(*both, x, lengths, p["Wu"], p["bu"], p["fade"])


def every_logit(u, E, bias, scorer):
    """The logits of all N items for u (B, D): (B, N)."""
    if hasattr(scorer, "every_item"):
        return scorer.every_item(u, E, bias)
    nobody, everything = np.zeros(len(u), int), np.arange(len(E))
    return scorer.forward(u, E, bias, nobody, everything)[0][1]


def forward(params, block, beta, layers, kept=EVERYTHING, rows=None):
    """Equations (1) to (13): returns the loss, the two kinds of logits and the cache."""
    E, bias = params["E"], params["bias"]
    u, caches = interest(params, block.items, block.kinds, block.numbers, layers, kept)
    logits, scorer = layers.scorer.forward(u, E, bias, block.positives, block.negatives)
    loss, losses = layers.loss.forward(*logits, block.lengths, beta, rows)
    return loss, logits, (caches, scorer, losses, layers)


def backward(cache):
    """The gradient of the loss in every parameter: the layers again, from last to first."""
    caches, scorer, losses, layers = cache
    undrop = layers.dropout.backward
    dlogits, _ = layers.loss.backward(1.0, losses)
    du, d_scorer = layers.scorer.backward(dlogits, scorer)
    (dlong, dh, dx), d_interest = layers.interest.backward(du, caches.interest)
    dh, _ = undrop(dh, caches.drop_h)
    dlong, _ = undrop(dlong, caches.drop_long)
    dh_attended, d_attention = layers.attention.backward(dlong, caches.attention)
    dx_walked, d_lstm = layers.lstm.backward(dh + dh_attended, caches.lstm)
    dx, _ = undrop(dx + dx_walked, caches.drop_x)
    _, d_embedding = layers.embedding.backward(dx, caches.embedding)
    dE = d_embedding["E"] + d_scorer["E"]  # the item vectors enter twice: (1) and (12)
    return {**d_embedding, **d_lstm, **d_attention, **d_interest, **d_scorer, "E": dE}
