"""The front door: a log in, recommendations out (article §3.2.4).

    from tinyrec import Recommender, read_events
    events = read_events("data/shop.csv", items="data/items.csv")
    model = Recommender(epochs=8).fit(events)
    items, probabilities = model.recommend(user="C0007")
"""

import copy

import numpy as np

from . import model as readable
from . import settings, store
from .content import knowledge
from .errors import InputError
from .model import loss, network, table
from .model.functions import sigmoid
from .preprocess import catalogue, features, sequences
from .preprocess.sequences import Log, Split
from .results import baselines, calibration, metrics
from .train import batches, loop, transfer
from .train.ranks import One
from .train.workers import cores, one_blas_thread, workers

MADE_BY = "tinyrec model 5"
K = settings.Setting(int, 10, (1, 2**31), "")  # items that are recommended
SIZES = ("dim", "hidden", "batch", "negatives", "max_len")  # settings that ask for memory


class Recommender:
    """LSTM and self-attention over a user's history, a sigmoid scorer over the items.

    What is None follows the log, by `follow` in settings.py.

{settings}
    threads    workers for the blocks (None: one a core); results do not depend on it
    layers     "fast", "readable", or layers of your own: replaced(lstm=mine) (fast/__init__.py)
    ranks      processes that share the work, each with its threads (train/ranks.py)

    After `fit`: history_ (a dict an epoch), settings, catalogue (raw ids and titles), log and
    split (what was learnt from and held back, in numbers), params.
    """

    def __init__(self, *, threads=None, layers="fast", ranks=None, **given):
        self.given = self.settings = settings.check(given)
        self.threads = settings.checked("threads", threads, settings.THREADS) or cores()
        self.layers = settings.checked("layers", layers, settings.LAYERS)
        self.ranks, self.run = ranks or One(), None

    def fit(self, events, valid=None, content=None, exclude_seen=True, checkpoint=None,
            start=None, frozen=(), **watchers):  # fmt: skip
        """Learn from Events; history_ then holds a dict an epoch.

        Without `valid`, the end of the log is kept back, as `split` says: a part to choose the
        best epoch by, a part for `evaluate`. With `valid` (Events: the users' next events, with
        or without their histories) all of `events` is learnt from, and `valid` becomes part of
        the histories once the training is over. content: what is known of items, a vector for
        each id, or "tfidf" for their texts, see content/knowledge.py. exclude_seen: as in
        `evaluate`. checkpoint: a file written after each epoch; from one that is there already
        the training goes on, and a Recommender that came out of the very same training stays as
        it is. start: a fitted Recommender whose parameters to begin with (train/transfer.py);
        frozen: names of those to leave as they are. watchers, as in loop.fit: on_step(done, all),
        on_epoch(history). Raises InputError if the log is too small, or if training diverges;
        the Recommender is then as it was before.
        """
        fitted = copy.copy(self)
        fitted.log, how = sequences.serialise(events), self.given["split"]
        fitted.split = sequences.split(fitted.log, events.time, how, valid is None)
        fitted.content, fitted.catalogue = knowledge.of(
            content, catalogue.of(events, self.given["clock"], fitted.split.train), start
        )
        try:
            done = fitted._learn(
                events, valid, exclude_seen, checkpoint, start, frozen, **watchers
            )
        except MemoryError as error:
            raise InputError(f"not enough memory to train ({error}); give a smaller batch, dim, "
                             "hidden or negatives, or fewer threads") from None  # fmt: skip
        if not done:
            vars(self).update(vars(fitted))
        return self

    def _learn(self, events, valid, exclude_seen, checkpoint, start, frozen, **watchers):
        """True where this very training is done already, and nothing was learnt."""
        windows, held_back = self._prepare(events, valid, start)
        n, spans = self.catalogue.learnt, self.split.train
        counts = baselines.item_counts(self.log, spans, n)
        params = self._initial(counts)
        if start:
            params = knowledge.from_start(self.content, params, self.catalogue, start)
        transfer.check_names(frozen, params)
        state = loop.State(params, getattr(self.backend, "adam", None))
        run = self._run(windows, held_back, start,
                        {"exclude_seen": bool(exclude_seen), "frozen": list(frozen)})  # fmt: skip
        if checkpoint and run == self.run:
            return True
        self.run = run
        if checkpoint:
            state = self.ranks.of_first(lambda: store.restore(state, checkpoint, run))
        self.calibration = calibration.NONE

        def validate(params):
            self.params = knowledge.whole(self.content, params)
            found = metrics.quality(self.score, *held_back, exclude_seen, share_out)
            return found | {"validation_users": len(held_back[1])}

        C, alone = knowledge.of_learnt(self.content, n), batches.alone(counts)
        used_up = sequences.used_up(self.log, spans, n)
        with workers(self.threads) as pool:
            share_out = self.ranks.map(pool.map)
            learn = transfer.frozen(share_out, frozen)
            training = batches.Training(
                self.log, windows, self.settings, self.backend, learn, C, alone, pool.map, used_up
            )
            kept = (checkpoint, run) if checkpoint and self.ranks.first else None
            loop.fit(state, training, validate, kept, **watchers)
            self.params, self.history_ = knowledge.whole(self.content, state.best), state.history
            self.content = knowledge.learnt(self.content, state.best)
            self.calibration = metrics.calibrate(self.score, *held_back, share_out)
        if valid is not None:
            self.log = catalogue.extended(self.catalogue, self.log, valid)
        return False

    def _prepare(self, events, valid, start):
        """The log in numbers, and the settings that follow it; returns the windows to learn from,
        and the log and spans to choose an epoch by.
        """
        numbers = features.numbers(events, self.catalogue.scales)
        self.log, self.report = self.log._replace(numbers=numbers), events.report
        log, targets = (self.log, self.split.valid) if valid is None else self.targets(valid)
        windows = sequences.windows(self.split.train, self.given["max_len"])
        if not len(windows):
            raise InputError("nothing to learn from is left; users need four events or more")
        given = transfer.widths(self.given, start) if start else self.given
        learnt = self.catalogue.learnt
        self.settings = settings.follow(given, windows, learnt, self.content is not None)
        longest = int((windows[:, 1] - windows[:, 0]).max())
        settings.check_memory(
            settings.memory_needed(self.settings, learnt, longest, self.threads),
            "training with " + ", ".join(f"{name} {self.settings[name]:,}" for name in SIZES),
        )
        everything, seed = len(self.catalogue.items), self.settings["seed"]
        return windows, (log, sequences.for_validation(targets, windows, everything, seed))

    def _run(self, windows, held_back, start, others):
        """What shapes the result, by name: digests of what is long, settings, `others`."""
        log, targets = held_back
        cut = {"windows": windows, "targets": targets}
        long = {
            "log": {"log": self.log._asdict(), "held back": log._asdict(), "spans": cut,
                    "ids": {"": catalogue.names(self.catalogue)}},
            "content": {"": self.content or {}},
            "model to start from": start and {
                "ids": {"": catalogue.names(start.catalogue)},
                "param": table.apart(start.params), "content": start.content or {}},
        }  # fmt: skip
        run = {name: store.digest(store.flat(groups or {})) for name, groups in long.items()}
        layers = self.layers if isinstance(self.layers, str) else "own"
        return run | self.settings | {"layers": layers} | others

    def _initial(self, counts):
        """Fresh parameters; the item biases start at the log-odds that the sampling implies of
        items that were taken so often, counts (N,).
        """
        s, n = self.settings, self.catalogue.learnt
        rng = np.random.default_rng(s["seed"])
        params = network.initial(rng, n, len(self.catalogue.kinds), s["dim"], s["hidden"],
                                 numbers=self.log.numbers.shape[1])  # fmt: skip
        beta = loss.beta(n, **self._k())
        params["bias"][:] = loss.prior_logits(counts, s["negatives"], beta)
        return knowledge.begin(self.content, params, rng, np.log(beta / s["negatives"]))

    @property
    def backend(self):
        """The layers that this model computes with."""
        return settings.backend(self.layers)

    # Recommending

    def recommend(self, user=None, history=None, k=10, exclude_seen=True, users=None,
                  on_step=None):  # fmt: skip
        """The k best items for a user of the log or for a history of raw item ids.

        Returns (items, probabilities): raw ids as read, best first, and for each the chance
        that it is the next one. With exclude_seen, items of the history are left out, so that
        there may be fewer than k. users, a list of ids or "all", asks for many users at once:
        items and probabilities are then (U, k), and a row with fewer items ends with None and 0;
        on_step(done, all) is called as blocks of users are done. Raises InputError for ids the
        log did not have, and where nothing is left for the one user or history.
        """
        if users is not None:
            return self._recommend_to(users, k, exclude_seen, on_step)
        past = self.past(user, history)
        with one_blas_thread():
            logits = self.logits(past)
        return self.ranked(logits, past.items, k, exclude_seen)

    def ranked(self, logits, seen, k=10, exclude_seen=True):
        """As `recommend`, from each item's log-odds (N,), which may be written to, and the
        numbers of the items that were seen.
        """
        k = settings.checked("k", k, K)
        metrics.check_numbers(logits)
        if exclude_seen:
            logits[seen] = -np.inf
        best = metrics.best(logits, k)
        best = best[logits[best] > -np.inf]
        if not len(best):
            raise InputError(f"all {len(logits):,} items were seen; exclude_seen=False "
                             "(--keep-seen) recommends them again")  # fmt: skip
        return self.catalogue.items[best], sigmoid(logits[best])

    def _recommend_to(self, users, k, exclude_seen, on_step):
        """`recommend` for many users of the log, a block of them at a time."""
        self._check_fitted()
        k = settings.checked("k", k, K)
        spans = sequences.histories(self.log)
        if not isinstance(users, str) or users != "all":
            spans = spans[self.catalogue.user_numbers(users)]
        blocks = metrics.order_of_blocks(spans, self.log)
        k = min(k, len(self.catalogue.items))
        numbers, chances = np.empty((len(spans), k), np.int64), np.empty((len(spans), k))

        def one_block(block):
            logits = self.score(spans[block], self.log)
            metrics.check_numbers(logits)
            if exclude_seen:
                metrics.exclude(logits, spans[block], self.log)
            best = np.array([metrics.best(row, k) for row in logits])
            logits = np.take_along_axis(logits, best, axis=1)
            numbers[block] = np.where(logits > -np.inf, best, -1)
            chances[block] = np.where(logits > -np.inf, sigmoid(logits), 0)

        with workers(self.threads) as pool:
            for done, _ in enumerate(pool.map(one_block, blocks), start=1):
                if on_step:
                    on_step(done, len(blocks))
        return np.append(self.catalogue.items, None)[numbers], chances  # −1 becomes None

    def predict_proba(self, user_or_history, items):
        """For each of the raw item ids, the chance that it is the next one: (k,).

        Given a user's id or a list of item ids.
        """
        who = "user" if np.ndim(user_or_history) == 0 else "history"
        logits = self.logits(self.past(**{who: user_or_history}))
        metrics.check_numbers(logits)
        return sigmoid(logits[self.catalogue.numbers(items)])

    def past(self, user=None, history=None):
        """A fitted user's history, or one given as raw item ids, as a Log of one user."""
        self._check_fitted()
        return catalogue.past(self.catalogue, self.log, user, history)

    def logits(self, past):
        """For what follows one user's Log: each item's log-odds of being the next, (N,)."""
        # for one user the readable layers are quicker than compiling the others
        backend = readable if self.layers == "fast" else self.backend
        return self.score(past.starts[None], past, backend)[0]

    def score(self, spans, log, backend=None):
        """Log-odds of being the next item: for what follows each span of the log, (B, N)."""
        seen = [log.items[start:stop] for start, stop in spans]
        spans = sequences.latest(spans, self.settings["max_len"])
        z = network.next_logits(self.params, *sequences.side_by_side(log, spans),
                                backend or self.backend)  # fmt: skip
        return self.log_odds(z, seen)

    def log_odds(self, z, seen):
        """Log-odds of being the next item, in the place of logits z (B, N); seen: what each user
        has seen.
        """
        learnt = self.catalogue.learnt
        shift = loss.log_odds(z.dtype.type(0), learnt, **self._k())
        calibration.apply(self.calibration, z, shift, seen)
        z[:, learnt:] += z.dtype.type(np.log(self.settings["lift"]))
        return z

    def _k(self):
        return {name: self.settings[name] for name in ("negatives", "t")}

    def add_items(self, ids, vectors):
        """New items, recommendable at once by what is known of them: raw ids, vectors (n, D).

        The vectors are of the kind that `fit` was given as content. Raises InputError.
        """
        self._check_fitted()
        self.content, self.catalogue, self.params = knowledge.add(
            self.content, self.catalogue, self.params, ids, vectors
        )
        return self

    # Testing

    def evaluate(self, events=None, exclude_seen=True):
        """Rank all items for each user's target: {"hr@10": …, "ndcg@10": …, …}.

        For the fitted log, or None, the targets are those that `fit` kept back for testing.
        For other events a user's target is the last one; the history before it is the user's
        fitted one, then the earlier events here (unless these begin with it already). What
        `recommend` would not show is missed: an item the fitted log did not have, and with
        exclude_seen one that was seen before.
        """
        log, spans = self.targets(events)
        with workers(self.threads) as pool:
            share_out = self.ranks.map(pool.map)
            return metrics.evaluate(self.score, log, spans, exclude_seen, share_out)

    def targets(self, events=None):
        """(log, spans): each target that `evaluate` asks for stands at the end of a span."""
        self._check_fitted()
        same = events is None or self.catalogue.holds(events, self.log)
        if same and len(self.split.test):
            return self.log, self.split.test
        if events is None:
            raise InputError("fit(valid=…) kept nothing back to test on: name events to evaluate")
        return catalogue.targets(self.catalogue, self.log, events)

    # Keeping

    def save(self, path):
        """All that `load` needs, in one .npz without pickle. Raises InputError if it cannot."""
        self._check_fitted()
        about = catalogue.as_json(self.catalogue) | {
            "made by": MADE_BY, "settings": self.settings, "history": self.history_,
            "layers": self.layers if isinstance(self.layers, str) else "own",
            "report": self.report, "calibration": self.calibration, "run": self.run,
        }  # fmt: skip
        groups = {"param": table.apart(self.params), "log": self.log._asdict(),
                  "split": self.split._asdict(), "content": self.content or {}}  # fmt: skip
        store.write(path, about, store.flat(groups))

    @classmethod
    def load(cls, path, layers=None):
        """A saved Recommender. Raises InputError if path is not one.

        A model that was trained with layers of its own needs them again: give `layers`.
        """
        about, arrays = store.read(path, MADE_BY)
        store.check_model(path, about, arrays)
        if about["layers"] == "own" and layers is None:
            raise InputError(f"{path}: trained with layers of its own; load(path, layers=…)")
        self = cls(**about["settings"], layers=layers or about["layers"])
        self.catalogue = catalogue.from_json(about)
        self.history_, self.report = about["history"], about["report"]
        self.run = about["run"]
        self.calibration = calibration.Calibration(*about["calibration"])
        self.params = table.together(store.group("param", arrays))
        self.content = store.group("content", arrays) or None
        self.log = Log(**store.group("log", arrays))
        self.split = Split(**store.group("split", arrays))
        return self

    def _check_fitted(self):
        if not hasattr(self, "catalogue"):
            raise InputError("this Recommender has learnt nothing yet: call fit(events) first")


Recommender.__doc__ = Recommender.__doc__.replace("{settings}", settings.described())
Recommender.__signature__ = settings.signature(threads=None, layers="fast", ranks=None)
