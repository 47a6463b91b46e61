"""The front door: a log in, recommendations out (article §3.2.4).

    from tinyrec import Recommender, read_events
    events = read_events("data/shop.csv", items="data/items.csv")
    model = Recommender(epochs=8).fit(events)
    items, probabilities = model.recommend(user="C0007")
"""

import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from . import model as readable
from . import store
from .errors import InputError
from .model import loss, network, scorer
from .model.functions import sigmoid
from .preprocess import sequences
from .preprocess.sequences import Log, Split
from .results import baselines, explain, metrics
from .train import adam
from .train import fit as training

MADE_BY = "tinyrec model 1"
AT_LEAST = {
    "dim": 1, "hidden": 1, "epochs": 1, "batch": 1, "max_len": 1, "negatives": 1, "seed": 0,
}  # fmt: skip


class Recommender:
    """LSTM and self-attention over a user's history, a sigmoid scorer over the items.

    dim, hidden    width of the item vectors (D) and of the LSTM state (H)
    epochs, batch  passes over the log; windows of history in a step
    max_len        events of history that are looked at
    negatives, t   items drawn for each user in a step (K), and gBCE's calibration t
    lr, dropout    Adam's rate, falling linearly to zero; share of x, long and h dropped
    preset         "best": larger and longer, for who has a quarter of an hour
    split          what `fit` keeps back: each user's "last" two events, or those after a "time"
    threads        workers for the blocks (None: one a core); results do not depend on it
    fast           take the compiled layers; False: the readable ones
    layers         a room of your own in their place (see model/network.py)

    What is None follows the log, as `follow` below says.
    """

    def __init__(self, dim=None, hidden=None, epochs=None, batch=None, max_len=200,
                 negatives=None, lr=None, dropout=None, t=0.75, preset=None, split="last",
                 seed=0, threads=None, fast=True, layers=None):
        self.given = {
            "dim": dim, "hidden": hidden, "epochs": epochs, "batch": batch, "max_len": max_len,
            "negatives": negatives, "lr": lr, "dropout": dropout, "t": t, "preset": preset,
            "split": split, "seed": seed,
        }  # fmt: skip
        check_settings(self.given)
        self.settings = self.given  # until `fit` has seen the log
        if threads is not None and threads < 1:
            raise InputError(f"threads is {threads}: it has to be at least 1")
        self.threads = threads or os.cpu_count()
        self.fast, self.layers = fast, layers
        self.history_ = []

    # Learning

    def fit(self, events, valid=None, on_step=None, on_epoch=None, checkpoint=None, resume=False):
        """Learn from Events; history_ then holds a dict an epoch.

        Without `valid`, the end of the log is kept back, as `split` says: a part to choose the
        best epoch by, a part for `evaluate`. With `valid` (Events: the users' next events, with
        or without their histories) all of `events` is learnt from, and `valid` becomes part of
        the histories once the training is over. checkpoint: a file written after each epoch;
        with resume, training goes on from it. on_step(done, all) is called after each batch,
        on_epoch(history_) after each epoch. Raises InputError if the log is too small, or if
        training diverges.
        """
        self.users, self.items, self.kinds = events.users, events.items, events.kinds
        self.titles, self.report = events.titles, events.report
        self.log = sequences.serialise(events)
        self.split = self._split(events, keep_back=valid is None)
        targets = (self.log, self.split.valid) if valid is None else self.cases(valid)
        if len(targets[1]) == 0:
            raise InputError("nobody has an event to be tested on; users need three or more")

        windows = sequences.windows(self.split.train, self.settings["max_len"])
        if len(windows) == 0:
            raise InputError("nothing to learn from is left; users need four events or more")
        self.settings = follow(self.given, windows, len(self.items))
        room = self._room()
        state = training.State(self._initial(), getattr(room, "adam", adam).Adam)
        run = [self.settings, zlib.crc32(self.log.items), len(windows)]
        if resume and checkpoint:
            state.restore(checkpoint, run)

        def validate(params):
            found = self._evaluate(params, *targets)
            return {name: found[name] for name in ("hr@10", "ndcg@10")}

        def after_epoch(state):
            if checkpoint:
                state.save(checkpoint, run)
            if on_epoch:
                on_epoch(state.history)

        names = ("epochs", "batch", "negatives", "t", "lr", "dropout", "seed")
        training.fit(state, self.log, windows, validate, layers=room, threads=self.threads,
                     on_step=on_step, on_epoch=after_epoch,
                     **{name: self.settings[name] for name in names})
        self.params, self.history_ = state.best, state.history
        if valid is not None:
            self._remember(valid)
        return self

    def _initial(self):
        """Fresh parameters; the item biases start at the log-odds that the sampling implies."""
        s, n = self.settings, len(self.items)
        rng = np.random.default_rng(s["seed"])
        params = network.initial(rng, n, len(self.kinds), s["dim"], s["hidden"])
        counts = baselines.item_counts(self.log, self.split.train, n)
        params["bias"][:] = loss.prior_logits(counts, s["negatives"], self._beta())
        return params

    def _room(self):
        """The layers for whole logs."""
        if self.layers is not None or not self.fast:
            return self.layers or readable
        from . import fast  # compiles on first use, and takes a while to import

        return fast

    def _split(self, events, keep_back):
        if not keep_back:
            whole = sequences.histories(self.log)
            return Split(train=whole, valid=whole[:0], test=whole[:0])
        if self.settings["split"] == "last":
            return sequences.leave_one_out(self.log)
        if events.time is None:
            raise InputError('the log has no times to split at: use the split "last"')
        return sequences.at_time(self.log, events.time)

    def _beta(self):
        return loss.beta(len(self.items), self.settings["negatives"], self.settings["t"])

    # Recommending

    def recommend(self, user=None, history=None, k=10, exclude_seen=True):
        """The k best items for a user of the log or for a history of raw item ids.

        Returns (items, probabilities): raw ids as read, best first, and σ(z) of (12). With
        exclude_seen, items of the history are left out. Raises InputError for ids the log did
        not have.
        """
        if k < 1:
            raise InputError(f"k is {k}: ask for one item or more")
        log = self._history(user, history)
        logits = self._logits(self.params, log, log.starts[None])[0]
        if exclude_seen:
            logits[log.items] = -np.inf
        best = np.argsort(-logits, kind="stable")[:k]
        best = best[logits[best] > -np.inf]
        return self.items[best], sigmoid(logits[best])

    def predict_proba(self, user_or_history, items):
        """σ(z) of (12) for each of the raw item ids, given a user's id or a list of item ids."""
        one_user = np.ndim(user_or_history) == 0
        log = self._history(*((user_or_history, None) if one_user else (None, user_or_history)))
        logits = self._logits(self.params, log, log.starts[None])[0]
        return sigmoid(logits[self._numbers(items)])

    def explain(self, user=None, history=None, k=5):
        """The k best items taken apart: a results.explain.Explanation, in item numbers."""
        best, _ = self.recommend(user, history, k)
        log = self._history(user, history)
        ((start, stop),) = sequences.latest(log.starts[None], self.settings["max_len"])
        past, kinds = log.items[start:stop], log.kinds[start:stop]
        return explain.explain(self.params, past, kinds, self._numbers(best), readable)

    def _logits(self, params, log, spans, layers=readable):
        """z of every item for what follows each span: (B, N).

        For one user the readable layers are quicker than compiling others.
        """
        spans = sequences.latest(spans, self.settings["max_len"])
        items, kinds = sequences.pad(log.items, spans), sequences.pad(log.kinds, spans)
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the ranks, which are worst
            u, _ = network.interest(params, items, kinds, layers)
            last = u[np.arange(len(spans)), spans[:, 1] - spans[:, 0] - 1]
            return scorer.every_item(last, params["E"], params["bias"])

    def _history(self, user, history):
        """One user's whole history, fitted or given as raw item ids, as a Log."""
        if (user is None) == (history is None):
            raise InputError("name either a user or a history of items")
        if user is None:
            items = self._numbers(history)
            most_common = np.bincount(self.log.kinds).argmax()
            kinds = np.full(len(items), most_common)
        else:
            found = np.flatnonzero(self.users == str(user))
            if not len(found):
                raise InputError(f"user {user!r} is not in the log, which has {some(self.users)}")
            items, kinds = self._fitted(found[0])
        if not len(items):
            raise InputError("the history is empty: name one item or more")
        return Log(items, kinds, np.array([0, len(items)]))

    def _fitted(self, user):
        """Items and kinds of a user's fitted history; both empty where user is None."""
        start, stop = (0, 0) if user is None else self.log.starts[user : user + 2]
        return self.log.items[start:stop], self.log.kinds[start:stop]

    def _numbers(self, raw):
        """Raw item ids as indices."""
        number = numbering(self.items)
        unknown = [item for item in map(str, raw) if item not in number]
        if unknown:
            raise InputError(f"{some(unknown)} not among the log's items: {some(self.items)}")
        return np.array([number[item] for item in map(str, raw)], np.int64)

    # Testing

    def evaluate(self, events=None, exclude_seen=True):
        """Rank all items for each user's target: {"hr@10": …, "ndcg@10": …, …}.

        For the fitted log, or None, the targets are those that `fit` kept back for testing.
        For other events a user's target is the last one; the history before it is the user's
        fitted one, followed by the earlier events here (unless these begin with it already). A
        target the fitted log did not have counts as missed.
        """
        log, spans = self.log, self.split.test
        if events is not None and not (len(spans) and self.fitted_on(events)):
            log, spans = self.cases(events)
        if len(spans) == 0:
            raise InputError("nobody has an event to guess and an event before it")
        return self._evaluate(self.params, log, spans, exclude_seen)

    def _evaluate(self, params, log, spans, exclude_seen=True):
        sampling = math.log(self._beta() / self.settings["negatives"])
        room = self._room()
        all_known = log.items.max() < len(self.items)

        def score(spans):
            logits = self._logits(params, log, spans, room) - sampling
            if all_known:
                return logits
            return np.pad(logits, ((0, 0), (0, 1)), constant_values=-np.inf)

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            return metrics.evaluate(score, log, spans, exclude_seen=exclude_seen, run=pool.map)

    def fitted_on(self, events):
        return (
            np.array_equal(events.items, self.items)
            and np.array_equal(events.users, self.users)
            and np.array_equal(events.item, self.log.items)
        )

    def cases(self, events):
        """Other events in this model's numbers, and the span before each user's last event."""
        unknown = len(self.items)
        parts = []
        for items, kinds in self._continued(events).values():
            usable = items < unknown
            usable[-1] = True
            parts.append((items[usable], kinds[usable]))
        log = as_log(parts)
        spans = np.stack([log.starts[:-1], log.starts[1:] - 1], axis=1)
        return log, spans[spans[:, 0] < spans[:, 1]]

    def _continued(self, events):
        """Each user's fitted history and the events here after it: {user: (items, kinds)}.

        Events that begin with the fitted history are taken as they are. An item that was not
        fitted gets the number after the last.
        """
        number, kind_number, fitted = map(numbering, (self.items, self.kinds, self.users))
        items = np.array([number.get(item, len(number)) for item in events.items])[events.item]
        kinds = np.array([kind_number.get(kind, 0) for kind in events.kinds])[events.kind]
        starts = sequences.serialise(events).starts
        found = {}
        for user, start, stop in zip(events.users, starts[:-1], starts[1:], strict=True):
            past_items, past_kinds = self._fitted(fitted.get(user))
            shared = min(len(past_items), stop - start - 1)
            if shared and np.array_equal(past_items[:shared], items[start : start + shared]):
                past_items, past_kinds = past_items[:0], past_kinds[:0]
            found[user] = (
                np.concatenate([past_items, items[start:stop]]),
                np.concatenate([past_kinds, kinds[start:stop]]),
            )
        return found

    def _remember(self, events):
        """Make events part of their users' histories, for `recommend` and `evaluate`."""
        continued = self._continued(events)
        parts = []
        for number, user in enumerate(self.users):
            items, kinds = continued.get(user) or self._fitted(number)
            parts.append((items[items < len(self.items)], kinds[items < len(self.items)]))
        self.log = as_log(parts)

    # Keeping

    def save(self, path):
        """All that `load` needs, in one .npz without pickle. Raises InputError if it cannot."""
        about = {
            "made by": MADE_BY, "settings": self.settings, "fast": self.fast,
            "history": self.history_,
            "users": list(self.users), "items": list(self.items), "kinds": self.kinds,
            "titles": self.titles, "report": self.report,
        }  # fmt: skip
        arrays = store.with_prefix("param", self.params)
        arrays |= store.with_prefix("log", self.log._asdict())
        arrays |= store.with_prefix("split", self.split._asdict())
        store.write(path, about, arrays)

    @classmethod
    def load(cls, path):
        """A saved Recommender. Raises InputError if path is not one."""
        about, arrays = store.read(path, MADE_BY)
        self = cls(**about["settings"], fast=about["fast"])
        self.users = np.array(about["users"], object)
        self.items = np.array(about["items"], object)
        self.kinds, self.titles = tuple(about["kinds"]), about["titles"]
        self.history_, self.report = about["history"], about["report"]
        self.params = store.without_prefix("param", arrays)
        self.log = Log(**store.without_prefix("log", arrays))
        self.split = Split(**store.without_prefix("split", arrays))
        return self


def follow(given, windows, items):
    """The settings with each None replaced by what suits the log.

    A log of half a million events or more, or the preset "best", gets the wide model. Dropout
    falls by a fifth with every tenfold of events an item; a step takes a sixtieth of the windows
    where 128 would be more. windows (n, 2) are those trained on; items: how many there are.
    """
    events = int((windows[:, 1] - windows[:, 0] - 1).sum())
    large, best = events >= 500_000, given["preset"] == "best"
    wide = large or best
    dropout = 0.75 + 0.15 * wide - 0.2 * np.log10(max(1, events) / items)
    by_log = {
        "dim": 128 if wide else 64,
        "hidden": 256 if wide else 64,
        "negatives": min(512 if wide else 128, max(1, items - 1)),
        "batch": min(128, max(16, len(windows) // 60)),
        "dropout": round(float(np.clip(dropout, 0.1, 0.7)), 2),
        "lr": 1.5e-2 if large else 1e-2,
        "epochs": 32 if best else 16 if large else 24,
    }
    return {name: by_log.get(name) if value is None else value for name, value in given.items()}


def check_settings(settings):
    """Raises InputError that names the first setting out of range."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name, least in AT_LEAST.items():
        if given.get(name, least) < least:
            raise InputError(f"{name} is {given[name]}: it has to be at least {least}")
    if not 0 < given.get("lr", 1) < np.inf:
        raise InputError(f"lr is {given['lr']}: it has to be above 0")
    for name, above in {"dropout": 1, "t": 1.0000001}.items():
        if not 0 <= given.get(name, 0) < above:
            raise InputError(f"{name} is {given[name]}: it has to be between 0 and 1")
    if settings["split"] not in ("last", "time"):
        raise InputError(f'split is {settings["split"]!r}: it has to be "last" or "time"')
    if settings["preset"] not in (None, "best"):
        raise InputError(f'preset is {settings["preset"]!r}: it can be "best"')


def as_log(parts):
    """A Log of users' (items, kinds), one behind the other."""
    starts = np.cumsum([0] + [len(items) for items, _ in parts])
    return Log(*map(np.concatenate, zip(*parts, strict=True)), starts)


def numbering(ids):
    """{id: its index}."""
    return {name: index for index, name in enumerate(ids)}


def some(ids, most=3):
    """The first few, for a message."""
    return ", ".join(map(str, ids[:most])) + (", …" if len(ids) > most else "")
