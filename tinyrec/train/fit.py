"""Training: from windows of histories to fitted parameters (article §3.2.2, step 4).

A mini-batch is sorted by length and cut into blocks of users, each padded only to its own
longest. Blocks run side by side and their gradients are summed in a fixed order, so the result
does not depend on how many threads there are.
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from .. import store
from ..errors import InputError
from ..model import loss, network
from ..model.network import EVERYTHING, Block, Kept
from ..preprocess.sequences import by_length, pad
from .adam import Adam

CHECKPOINT = "tinyrec checkpoint 1"


class State:
    """Where a training stands: enough to go on from."""

    def __init__(self, params, make_adam=Adam):
        self.adam = make_adam(params)
        self.best = copy(params)
        self.history = []  # one dict an epoch

    def save(self, path, run):
        """Write a checkpoint; `run` says which training it belongs to."""
        about = {"made by": CHECKPOINT, "run": run, "history": self.history}
        about["steps"] = self.adam.steps
        parts = {"theta": self.adam.params, "m": self.adam.m, "v": self.adam.v, "best": self.best}
        arrays = {}
        for prefix, part in parts.items():
            arrays |= store.with_prefix(prefix, part)
        store.write(path, about, arrays)

    def restore(self, path, run):
        """Go on from a checkpoint. Raises InputError if there is none, or another run's."""
        about, arrays = store.read(path, CHECKPOINT)
        if about["run"] != run:
            raise InputError(f"{path}: left by a training with other settings or another log")
        self.adam = type(self.adam)(store.without_prefix("theta", arrays))
        self.adam.m = store.without_prefix("m", arrays)
        self.adam.v = store.without_prefix("v", arrays)
        self.adam.steps = about["steps"]
        self.best = store.without_prefix("best", arrays)
        self.history = about["history"]


def best_epoch(history):
    """The entry with the best validation NDCG@10, the first of equals."""
    return max(history, key=lambda entry: entry["ndcg@10"])


def copy(params):
    return {name: value.copy() for name, value in params.items()}


def make_block(log, windows, negatives, n):
    """The windows (B, 2) as a Block of the items they touch: returns (touched, block).

    touched are those of the n items that occur; in the block they are numbered from 0, so that
    the item vectors a block works on, and their gradient, are these rows and not the whole table.
    """
    items, kinds = pad(log.items, windows), pad(log.kinds, windows)
    occurs = np.zeros(n, bool)
    occurs[items] = occurs[negatives] = True
    touched = np.flatnonzero(occurs)
    number = np.empty(n, np.int64)
    number[touched] = np.arange(len(touched))
    items, negatives = number[items], number[negatives]
    lengths = windows[:, 1] - windows[:, 0] - 1
    return touched, Block(items[:, :-1], kinds[:, :-1], items[:, 1:], negatives, lengths)


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


def block_gradients(params, log, windows, negatives, rng, *, beta, dropout, rows, layers):
    """One block's share of a batch of `rows` steps: loss, right answers, touched, gradients."""
    touched, block = make_block(log, windows, negatives, len(params["E"]))
    local = params | {"E": params["E"].take(touched, axis=0), "bias": params["bias"][touched]}
    dim, hidden = params["E"].shape[1], params["U"].shape[0]
    kept = draw_kept(rng, dropout, block.items.shape, dim, hidden)
    total, logits, cache = network.forward(local, block, beta, layers, kept, rows)
    right = right_answers(*logits, block.lengths, math.log(beta / negatives.shape[1]))
    return total, right, touched, network.backward(cache)


def right_answers(z_positive, z_negative, lengths, threshold):
    """How many of each row's two offers, the next item and one negative, are told apart."""
    real = np.arange(z_positive.shape[1]) < lengths[:, None]
    yes = (z_positive > threshold) & real
    no = (z_negative[..., 0] <= threshold) & real
    return (yes.sum() + no.sum()) / 2


def batch_gradients(adam, log, windows, negatives, seed, run, **settings):
    """A batch's loss, accuracy and gradients, block by block (longest first, then in order)."""
    rows = int((windows[:, 1] - windows[:, 0] - 1).sum())

    def one_block(job):
        number, members = job
        rng = np.random.default_rng((*seed, number))
        chosen = windows[members], negatives[members], rng
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the loss, see fit
            return block_gradients(adam.params, log, *chosen, rows=rows, **settings)

    jobs = list(enumerate(by_length(windows)))[::-1]
    grads = {name: np.zeros_like(value) for name, value in adam.params.items()}
    loss_sum = right = 0.0
    for part, hits, touched, block_grads in run(one_block, jobs):
        loss_sum += part
        right += hits
        for name, gradient in block_grads.items():
            if name in ("E", "bias"):
                adam.add_rows(grads[name], touched, gradient)
            else:
                grads[name] += gradient
    return loss_sum, right / rows, grads


def run_epoch(adam, log, windows, rng, key, run, *, batch, negatives, lr, steps, on_step,
              **settings):
    """One pass over the windows in random order; returns the mean loss and accuracy.

    The learning rate falls linearly, so that it is zero after `steps` steps in all.
    """
    losses, accuracies = [], []
    batches = -(-len(windows) // batch)
    for number, members in enumerate(np.array_split(rng.permutation(len(windows)), batches)):
        drawn = rng.integers(0, len(adam.params["E"]), (len(members), negatives))
        loss, accuracy, grads = batch_gradients(
            adam, log, windows[members], drawn, (*key, number), run, **settings
        )
        if not np.isfinite(loss):
            raise InputError(f"training diverged (loss {loss}): give a smaller learning rate "
                             f"than {lr:g}")  # fmt: skip
        adam.lr = lr * (1 - adam.steps / steps)
        adam.step(grads)
        losses.append(loss)
        accuracies.append(accuracy)
        if on_step:
            on_step(number + 1, batches)
    return float(np.mean(losses)), float(np.mean(accuracies))


def fit(state, log, windows, validate, *, layers, epochs, batch, negatives, t, lr, dropout,
        seed=0, threads=None, on_step=None, on_epoch=None):
    """Train until `epochs` are done, from wherever state stands; state.best is the result.

    Ends early when the last third of the epochs, or five, brought no better one.

    log: a Log; windows (n, 2); validate(params) returns a dict with "ndcg@10", by which the
    best epoch is chosen. on_step(done, all) is called after each batch, on_epoch(state) after
    each epoch. Raises InputError when the loss stops being a number.
    """
    params = state.adam.params
    settings = {"batch": batch, "negatives": negatives, "lr": lr, "dropout": dropout}
    settings |= {"beta": loss.beta(len(params["E"]), negatives, t), "layers": layers}
    settings |= {"steps": epochs * -(-len(windows) // batch), "on_step": on_step}
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for epoch in range(len(state.history), epochs):
            began = time.perf_counter()
            rng = np.random.default_rng((seed, epoch))
            trained = run_epoch(state.adam, log, windows, rng, (seed, epoch), pool.map, **settings)
            entry = {"epoch": epoch + 1, "loss": trained[0], "accuracy": trained[1]}
            entry["seconds"] = time.perf_counter() - began
            entry |= validate(params)
            state.history.append(entry)
            best = best_epoch(state.history)
            if best is entry:
                state.best = copy(params)
            if on_epoch:
                on_epoch(state)
            if entry["epoch"] - best["epoch"] >= max(5, epochs / 3):
                break
