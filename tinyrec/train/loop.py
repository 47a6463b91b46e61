"""Training: from windows of histories to fitted parameters (article §3.2.2, step 4)."""

import time
import warnings

import numpy as np

from .. import store
from ..errors import InputError
from . import tables
from .batches import batch_gradients, draw_negatives

WARM_UP = 1 / 20  # of all steps: at once, the whole rate throws a wide recurrence off, for good


class Diverged(InputError):
    """The loss, or a parameter, is no number any more."""


class State:
    """Where a training stands: enough to go on from."""

    def __init__(self, params, room=None):
        self.params = params
        self.adam = (room or tables).Adam(params)
        self.best = copy(params)
        self.history = []  # one dict an epoch


def ended(history, epochs):
    """All epochs are done, or the last third of them, or five, brought no better one."""
    if not history or len(history) >= epochs:
        return len(history) >= epochs
    return history[-1]["epoch"] - best_epoch(history)["epoch"] >= max(5, epochs / 3)


def best_epoch(history):
    """The entry with the best validation NDCG@10, the first of equals."""
    return max(history, key=lambda entry: entry["ndcg@10"])


def copy(params):
    return {name: value.copy() for name, value in params.items()}


def run_epoch(state, training, epoch, on_step):
    """One pass over the windows in random order; returns the mean loss and accuracy.

    The learning rate rises in the first twentieth of all steps; from then on it falls, to zero at
    the end of the last epoch.
    """
    s, windows, n = training.settings, training.windows, len(state.params["E"])
    rng = np.random.default_rng((s["seed"], epoch))
    batches = -(-len(windows) // s["batch"])
    state.adam.map = training.threads  # where it shares out rows, see fast/adam.py
    losses, accuracies = [], []
    for number, members in enumerate(np.array_split(rng.permutation(len(windows)), batches)):
        negatives = draw_negatives(rng, training, windows[members], n)
        loss, accuracy, grads = batch_gradients(
            state, training, windows[members], negatives, (s["seed"], epoch, number)
        )
        if not np.isfinite(loss):
            raise Diverged(f"training diverged: the loss is {loss} in epoch {epoch + 1}, batch "
                           f"{number + 1} of {batches}; give a smaller learning rate than "
                           f"{s['lr']:g}")  # fmt: skip
        done = (state.adam.steps + 1 / 2) / (s["epochs"] * batches)
        state.adam.lr = s["lr"] * min(done / WARM_UP, (1 - done) / (1 - WARM_UP))
        state.adam.step(grads)
        losses.append(loss)
        accuracies.append(accuracy)
        if on_step:
            on_step(number + 1, batches)
    state.adam.settle()
    for name, value in state.params.items():
        if not np.isfinite(value).all():
            raise Diverged(f"training diverged: {name} is no number after epoch {epoch + 1}; give "
                           f"a smaller learning rate than {s['lr']:g}")  # fmt: skip
    return float(np.mean(losses)), float(np.mean(accuracies))


def fit(state, training, validate, checkpoint=None, on_step=None, on_epoch=None):
    """Train until all epochs are done, from wherever state stands; state.best is the result.

    Ends early when the last third of the epochs, or five, brought no better one; and with a
    warning where the loss stops being a number after an epoch that is kept.

    training: a Training; validate(params) returns a dict with "ndcg@10", by which the best
    epoch is chosen. on_step(done, all) is called after each batch, on_epoch(history) after each
    epoch; checkpoint, (file, run), is written before. An epoch's seconds have its
    validation_seconds in them. Raises InputError when the loss is no number in the first epoch.
    """
    epochs = training.settings["epochs"]
    while not ended(state.history, epochs):
        epoch, began = len(state.history), time.perf_counter()
        try:
            loss, accuracy = run_epoch(state, training, epoch, on_step)
        except Diverged as error:
            if not epoch:
                raise
            best = best_epoch(state.history)["epoch"]
            warnings.warn(f"{error}. Epoch {best}, the best until then, is kept", stacklevel=2)
            break
        entry = {"epoch": epoch + 1, "of": epochs, "loss": loss, "accuracy": accuracy}
        trained = time.perf_counter()
        entry |= validate(state.params)
        entry["validation_seconds"] = time.perf_counter() - trained
        entry["seconds"] = time.perf_counter() - began
        state.history.append(entry)
        if best_epoch(state.history) is entry:
            for name, value in state.params.items():
                state.best[name][...] = value
        if checkpoint:
            store.keep(state, *checkpoint)
        if on_epoch:
            on_epoch(state.history)
