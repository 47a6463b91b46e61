"""A mini-batch: cut into blocks, worked through side by side, gradients summed in block order.

A block is padded only to its own longest history. Blocks run on any number of threads; since
their gradients are summed in a fixed order, the result does not depend on how many.
"""

import math
from typing import NamedTuple

import numpy as np

from ..model import content, loss, network
from ..model.network import EVERYTHING, Block, Kept
from ..preprocess.sequences import by_length, numbers_of, pad
from .tables import Rows

TABLES = ("E", "bias")  # parameters of which a batch touches the rows of its items


class Training(NamedTuple):
    """What stays the same while parameters are learnt."""

    log: NamedTuple  # a Log
    windows: np.ndarray  # (n, 2), spans whose events but the first are targets
    settings: dict
    layers: object  # the backend
    run: object  # works through blocks: map, or a pool's map
    content: np.ndarray | None = None  # (N, F), what is known of the items; C in (0)
    alone: np.ndarray | None = None  # (N,), how often that has to do, see alone
    threads: object = map  # works through what no other rank takes part in: map, or a pool's map
    used_up: bool = False  # see sequences.used_up; a window's own items are no negatives then


class Share(NamedTuple):
    """What one block adds to its batch."""

    loss: float
    right: float  # answers, see right_answers
    touched: np.ndarray  # (n,), the items that occur, see occurring
    grads: dict  # E and bias: of the touched items' rows


def draw_negatives(rng, training, windows, n):
    """K of the n items for each of the windows, drawn evenly: (B, K).

    Where users use the items up, none of the window's own: they go on with what is alike, and what
    they just took would push that away. Elsewhere it is worth learning what was just taken.
    """
    shape = len(windows), training.settings["negatives"]
    if not training.used_up:
        return rng.integers(0, n, shape)
    own = [np.unique(training.log.items[start:stop]) for start, stop in windows]
    others = np.array([[max(1, n - len(items))] for items in own])
    negatives = rng.integers(0, others, shape)  # numbered without the own ones
    for row, items in zip(negatives, own, strict=True):
        row += np.searchsorted(items - np.arange(len(items)), row, side="right")
    return np.minimum(n - 1, negatives)


def occurring(n, *numbers):
    """Those of the n items that occur among the numbers, in order; all, where so many are drawn
    that few do not.
    """
    if sum(some.size for some in numbers) >= n:
        return np.arange(n)
    occurs = np.zeros(n, bool)
    for some in numbers:
        occurs[some] = True
    return np.flatnonzero(occurs)


def positions(touched, n):
    """Where each of the touched items stands among them: (n,), anything for the others."""
    number = np.empty(n, np.int64)
    number[touched] = np.arange(len(touched))
    return number


def make_block(log, windows, negatives, n):
    """The windows (B, 2) as a Block of the items they touch: returns (touched, block).

    touched are those of the n items that occur; in the block they are numbered from 0, so that
    the item vectors a block works on, and their gradient, are these rows and not the whole table.
    """
    items, kinds = pad(log.items, windows), pad(log.kinds, windows)
    touched = occurring(n, items, negatives)
    if len(touched) < n:
        number = positions(touched, n)
        items, negatives = number[items], number[negatives]
    lengths = windows[:, 1] - windows[:, 0] - 1
    known = numbers_of(log, windows)[:, :-1]
    return touched, Block(items[:, :-1], kinds[:, :-1], items[:, 1:], negatives, lengths, known)


def draw_kept(rng, rate, shape, dim, hidden):
    """What dropout keeps, in whole 256ths: a random byte decides for each number."""
    dropped = min(255, round(256 * rate))
    if dropped == 0:
        return EVERYTHING

    def draw(width):
        count = math.prod(shape) * width
        drawn = rng.bit_generator.random_raw(-(-count // 8)).view(np.uint8)[:count]
        return (drawn >= dropped).reshape(*shape, width)

    return Kept(draw(dim), draw(hidden), draw(hidden), scale=256 / (256 - dropped))


def block_share(params, training, windows, negatives, rng, rows):
    """One block's Share of a batch of `rows` steps. negatives (B, K)."""
    settings, (n, dim) = training.settings, params["E"].shape
    touched, block = make_block(training.log, windows, negatives, n)
    local, grads_of = params, network.backward
    if len(touched) < n:
        local = params | {name: params[name].take(touched, axis=0) for name in TABLES}
    if training.content is not None:
        local, grads_of = with_content(local, training, touched, rng)
    kept = draw_kept(rng, settings["dropout"], block.items.shape, dim, params["U"].shape[0])
    odds = n, settings["negatives"], settings["t"]
    with np.errstate(over="ignore", invalid="ignore"):  # seen in the loss, see run_epoch
        total, (z_positive, z_negative), cache = network.forward(
            local, block, loss.beta(*odds), training.layers, kept, rows
        )
        even = -loss.beats_one_drawn(loss.log_odds(z_positive.dtype.type(0), *odds), n)
        right = right_answers(z_positive > even, z_negative[..., 0] <= even, block.lengths)
        return Share(total, right, touched, grads_of(cache))


def alone(counts):
    """How often what is known of an item has to do without the item's own vector: the less often
    it was taken, counts (N,), the less its own says.
    """
    return 1 / np.sqrt(np.maximum(1, counts))


def with_content(params, training, touched, rng):
    """The parameters of a block whose items are `touched`, with (0): E and bias are whole.

    Own vectors and biases are left out at random, so that what is known can carry an item alone.
    Returns with them what takes the place of network.backward.
    """
    own = rng.random(len(touched)) >= training.alone[touched]
    layer = training.layers.content
    mine = (params[name] for name in content.PARAMETERS)
    (E, bias), cache = layer.forward(
        params["E"], params["bias"], training.content[touched], *mine, own
    )

    def backward(network_cache):
        grads = network.backward(network_cache)
        _, ours = layer.backward((grads["E"], grads["bias"]), cache)
        return grads | ours

    return params | {"E": E, "bias": bias}, backward


def right_answers(yes, no, lengths):
    """How many of each row's two offers, the next item and one negative, are told apart: taken
    for the next rather than for one drawn, yes, or not, no (B, T).
    """
    real = np.arange(yes.shape[1]) < lengths[:, None]
    return (np.count_nonzero(yes & real) + np.count_nonzero(no & real)) / 2


def batch_gradients(state, training, windows, negatives, seed):
    """A batch's loss, accuracy and gradients, block by block (longest first, then in order)."""
    rows, n = int((windows[:, 1] - windows[:, 0] - 1).sum()), len(state.params["E"])

    def one_block(job):
        number, members = job
        rng = np.random.default_rng((*seed, number))
        chosen = windows[members], negatives[members]
        return block_share(state.params, training, *chosen, rng, rows)

    touched = occurring(n, pad(training.log.items, windows), negatives)
    number = positions(touched, n)
    for name in TABLES:
        state.adam.catch_up(name, touched)
    jobs = list(enumerate(by_length(windows)))[::-1]
    grads = {name: np.zeros((len(touched), *value.shape[1:]) if name in TABLES else value.shape,
                            value.dtype) for name, value in state.params.items()}  # fmt: skip
    total = right = 0.0
    for share in training.run(one_block, jobs):
        total += share.loss
        right += share.right
        at = number[share.touched]
        for name, gradient in share.grads.items():
            if name in TABLES:
                state.adam.add_rows(grads[name], at, gradient)
            else:
                grads[name] += gradient
    return total, right / rows, grads | {name: Rows(touched, grads[name]) for name in TABLES}
