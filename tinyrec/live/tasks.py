"""Several tasks on one interest (article §8.2): will it be bought, how will it be rated?

    model = tasks.learn(model, events)
    tasks.predict(model, "rating", ["P0442", "P0439"], user="C0007")

A task's head (model/heads.py) learns on the finished model, whose own parameters stay: what it
recommends is the same to the last bit, and no task can get into another's way; learnt together
with (13), the tasks cost the clicks more than seeds do (FIGURES.md). The head's parameters are
kept with the model's, as "W rating" and "b rating".
"""

import copy
from typing import NamedTuple

import numpy as np

from .. import model as readable
from ..errors import InputError
from ..model import heads, network
from ..model.functions import sigmoid
from ..preprocess import sequences
from ..train.adam import Adam
from ..train.workers import one_blas_thread

BOUGHT = ("buy", "purchase", "transaction", "order", "rate")  # kinds that only buyers leave
BATCH = 256  # questions in a step


class Questions(NamedTuple):
    """A user at a step, and the item taken next."""

    u: np.ndarray  # (n, D)
    item: np.ndarray  # (n,)
    user: np.ndarray  # (n,)
    answer: np.ndarray  # (n,) of a task: 0 or 1, or a rating


def learn(model, events, epochs=30, lr=1e-3):
    """A copy of the model with a head for each task of which its log, `events`, has answers.

    Its tasks_ has each task's losses, {"rating": [(training, validation), …]}, an epoch each. The
    best epoch in validation is kept. Raises InputError for other events than it was fitted to,
    and for a log that has no answers.
    """
    learnt = copy.copy(model)
    learnt.params, learnt.tasks_ = dict(model.params), {}
    for task, answers in all_answers(model, events).items():
        train = questions(model, model.split.train, answers)
        valid = questions(model, model.split.valid, answers, last=True)
        if len(train.answer) and len(valid.answer):
            with one_blas_thread():
                found = fit_head(train, valid, model.params["E"], heads.LOSSES[task], epochs, lr)
            head, learnt.tasks_[task] = found
            learnt.params |= {f"{name} {task}": value for name, value in head.items()}
    return learnt


def fit_head(train, valid, E, loss, epochs, lr):
    """The best epoch's {"W", "b"}, and each epoch's losses. W starts at zero, b at the mean."""
    D, rng = E.shape[1], np.random.default_rng(0)
    middle = train.answer.mean()
    if loss is heads.yes_or_no:
        middle = np.log((middle + 1e-6) / (1 - middle + 1e-6))
    head = {"W": np.zeros((D, D), np.float32), "b": np.array(middle, np.float32)}
    adam, best, losses = Adam(head), dict(head), []
    for epoch in range(epochs):
        adam.lr, total = lr * (1 - epoch / epochs), 0.0
        order = rng.permutation(len(train.answer))
        for members in np.array_split(order, -(-len(order) // BATCH)):
            z, cache = heads.forward(train.u[members], E[train.item[members]], **head)
            value, dz = loss(z, train.answer[members])
            adam.step(heads.backward(dz.astype(z.dtype), cache)[1])
            total += value * len(members) / len(order)
        z, _ = heads.forward(valid.u, E[valid.item], **head)
        losses.append((float(total), float(loss(z, valid.answer)[0])))
        if losses[-1][1] == min(value for _, value in losses):
            best = {name: value.copy() for name, value in head.items()}
    return best, losses


def all_answers(model, events):
    """{task: (n,) answers of the log's events, NaN where there is none}."""
    if not model.catalogue.holds(events, model.log):
        raise InputError("tasks learn from the log that the model was fitted to: give that one")
    found = {}
    buying = [number for number, kind in enumerate(events.kinds) if kind in BOUGHT]
    if buying and len(buying) < len(events.kinds):
        found["bought"] = np.isin(events.kind, buying).astype(float)
    if "rating" in events.numeric:
        found["rating"] = events.numeric["rating"]
    if not found:
        raise InputError("the log has neither purchases nor ratings to learn from")
    return found


def questions(model, spans, answers, last=False):
    """The Questions that the spans pose: of each event but the first, or, with last, of the target
    that stands at a span's end. Those without an answer are left out.
    """
    log, D = model.log, model.params["W"].shape[0]
    found = [Questions(np.empty((0, D), np.float32), *np.empty((3, 0), int))]
    spans = sequences.latest(spans[spans[:, 0] < spans[:, 1]], model.settings["max_len"])
    for block in sequences.by_length(spans):
        *seen, lengths = sequences.side_by_side(log, spans[block])
        u, _ = network.interest(model.params, *seen, model.backend)
        start, stop = spans[block, :1], spans[block, 1:]
        event = start + 1 + np.arange(lengths.max())  # (B, T), the one that follows each row
        asked = event == stop if last else event < stop
        asked &= np.isfinite(answers.take(event, mode="clip"))
        event = event[asked]
        user = np.searchsorted(log.starts, event, side="right") - 1
        found.append(Questions(u[asked], log.items[event], user, answers[event]))
    return Questions(*map(np.concatenate, zip(*found, strict=True)))


def predict(model, task, items, user=None, history=None):
    """For each of the raw item ids: the chance that it is bought if it is the next one, or its
    rating, (k,). Raises InputError for a task that was not learnt.
    """
    check_learnt(model, task)
    past = model.past(user, history)
    spans = sequences.latest(past.starts[None], model.settings["max_len"])
    u = network.last_interest(model.params, *sequences.side_by_side(past, spans), readable)
    z = ask(model, task, u[0], model.catalogue.numbers(items))
    return sigmoid(z) if task == "bought" else z


def ask(model, task, u, items):
    """A head's z for interests u (..., D) and item numbers (...)."""
    E, W, b = model.params["E"], model.params[f"W {task}"], model.params[f"b {task}"]
    return heads.forward(u, E[items], W, b)[0]


def check_learnt(model, task):
    known = [name[2:] for name in model.params if name.startswith("W ")]
    if task not in known:
        raise InputError(f"no task {task!r}: the model has learnt {', '.join(known) or 'none'}")


def evaluate(model, events):
    """On the test targets: {"bought auc", "bought auc of z": …, "rating rmse", …}.

    Purchases are also ranked by the logit z of the next item, and ratings also guessed by means.
    """
    answers, found, E = all_answers(model, events), {}, model.params["E"]
    for task in [task for task in answers if f"W {task}" in model.params]:
        train = questions(model, model.split.train, answers[task])
        test = questions(model, model.split.test, answers[task], last=True)
        z, y = ask(model, task, test.u, test.item), test.answer
        if task == "bought":
            clicks = (test.u * E[test.item]).sum(axis=1) + model.params["bias"][test.item]
            found |= {"bought auc": auc(z, y), "bought auc of z": auc(clicks, y)}
        else:
            guesses = {"": z, " of the mean": train.answer.mean(),
                       " of items' means": means(train.item, train.answer, test.item),
                       " of users' means": means(train.user, train.answer, test.user)}  # fmt: skip
            for name, guess in guesses.items():
                found[f"rating rmse{name}"] = float(np.sqrt(np.mean((guess - y) ** 2)))
    return found


def auc(z, y):
    """The chance that a question whose answer is yes scores above one whose answer is no."""
    yes, no = z[y == 1][:, None], np.sort(z[y == 0])
    below = np.searchsorted(no, yes, side="left") + np.searchsorted(no, yes, side="right")
    return float(below.mean() / 2 / len(no))


def means(group, value, asked):
    """Each asked group's mean value, and the mean of all where it has none."""
    size = 1 + max(group.max(), asked.max())
    count, total = np.bincount(group, minlength=size), np.bincount(group, value, minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), value.mean())[asked]
