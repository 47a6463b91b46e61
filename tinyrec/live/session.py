"""A user in real time (article §8.2): each event costs one step, however long the history is.

    session = Session(model, user="C0007")
    session.add("I0042", "buy").recommend()

T events in the window, D, H widths. What a session recommends is what the model recommends for
the same history read afresh: the state h, c walks on by (2) to (7), the fading sum of (11) does
too, and attention (8) to (10) needs one new row, for which the keys and states of all steps are
kept. Two things are not one step more. Another event on the item just seen (a view that becomes
a purchase) changes that step's kind, as in a log that is read: the step is taken back and done
again. And beyond max_len the window moves, by a quarter of it at a time (sequences.latest): it is
then read anew.
"""

import numpy as np

from .. import model as readable
from ..errors import InputError
from ..model import attention, embedding, interest, lstm, network
from ..preprocess import catalogue, features, sequences


class Session:
    """A user of the fitted log, a history of raw item ids, or somebody new."""

    def __init__(self, rec, user=None, history=None):
        if not isinstance(rec.layers, str):
            raise InputError("a session knows the steps of the package's own layers only")
        self.rec = rec
        self.usual_kind = catalogue.usual_kind(rec.catalogue, rec.log)
        self.items, self.kinds, self.numbers = [], [], []  # the whole history
        self.time = None  # of the last event, if it was told
        self.start = 0  # of the window in it
        self.states = self.keys = np.empty((0, len(rec.params["U"])), np.float32)  # (≥ T, H)
        self.cell = np.zeros(len(rec.params["U"]), np.float32)  # c, (H,)
        self.recent = np.zeros_like(rec.params["bu"])  # as in (11), (D,)
        if user is not None or history is not None:
            past = rec.past(user, history)
            self.items, self.kinds = past.items.tolist(), past.kinds.tolist()
            self.numbers = list(past.numbers)
            self._read()

    def add(self, /, item, event=None, **numbers):
        """One event on a raw item id, of a kind that the log has (its most common one).

        numbers: such as rating=4, where the model has learnt that number, and time, in seconds:
        from it follows how long it was since the event before. Returns the session. Raises
        InputError, and stays as it was, for what the model does not know.
        """
        kinds = self.rec.catalogue.kinds
        if event is not None and event not in kinds:
            raise InputError(f"event {event!r} is not one of the log's: {', '.join(kinds)}")
        time, scales = numbers.pop("time", None), self.rec.catalogue.scales
        unknown = [name for name in numbers if name not in scales or name in ("since", "until")]
        if unknown:
            raise InputError(f"{', '.join(unknown)}: the model has learnt no such number")
        since = {} if time is None or self.time is None else {"since": self._clock(time)}
        (item,) = self.rec.catalogue.numbers([item])
        if len(kinds) > 1 and self.items and self.items[-1] == item:
            # the step keeps its time and what it told, as in a log that is read
            row = features.one(scales, self._take_back(), until=np.nan, **numbers)
        else:
            if since:
                self.ask_at(time)
            row, self.time = features.one(scales, **numbers, **since), time
        self.items.append(int(item))
        self.numbers.append(row)
        self.kinds.append(self.usual_kind if event is None else kinds.index(event))
        if self._window() == self.start:
            self._step()
        else:
            self._read()
        return self

    def ask_at(self, time):
        """What follows is asked for at this time, in seconds: the last step is done again, with
        the time that has passed since. Returns the session.
        """
        scales = self.rec.catalogue.scales
        if "until" in scales and self.time is not None and self.items:
            self.numbers[-1] = features.one(scales, self.numbers[-1], until=self._clock(time))
            self.cell, self.recent = self.before
            self._step()
        return self

    def _clock(self, time):
        """Seconds since the last event. Raises InputError for a time before it."""
        if time < self.time:
            raise InputError(f"time {time:g} is before that of the event before, {self.time:g}")
        return time - self.time

    def recommend(self, k=10, exclude_seen=True):
        """As Recommender.recommend, for the history so far."""
        logits = self.logits()
        return self.rec.ranked(logits, self.items, k, exclude_seen)

    def logits(self):
        """Each item's log-odds of being the next: (N,)."""
        if not self.items:
            raise InputError("the history is empty: add an event first")
        E, bias = self.rec.params["E"], self.rec.params["bias"]
        z = network.every_logit(self.u[None], E, bias, readable.scorer)
        return self.rec.log_odds(z, [self.items])[0]

    def past(self):
        """The history so far as a Log of one user."""
        return sequences.as_log([tuple(map(np.array, (self.items, self.kinds, self.numbers)))])

    def _window(self):
        """Where the window begins."""
        whole = np.array([[0, len(self.items)]])
        return int(sequences.latest(whole, self.rec.settings["max_len"])[0, 0])

    def _step(self):
        """The last event, by one step from the state before it."""
        p, t = self.rec.params, len(self.items) - 1 - self.start
        if t == len(self.keys):
            self.states, self.keys = larger(self.states), larger(self.keys)
        self.before = self.cell, self.recent
        h = self.states[t - 1] if t else np.zeros_like(self.cell)
        last = self.items[-1], self.kinds[-1], self.numbers[-1]
        x, _ = embedding.forward(*last, p["E"], p["A"], p["F"])
        h, self.cell, _ = lstm.step(x @ p["W"] + p["b"] + h @ p["U"], self.cell)
        self.states[t], self.keys[t] = h, h @ p["Wk"]
        long, _ = attention.step(h, self.states[: t + 1], self.keys[: t + 1], p["Wq"])
        self.u, self.recent = interest.step(long, h, x, self.recent, p["Wu"], p["bu"], p["fade"])

    def _take_back(self):
        """Forget the last event, whose numbers are returned; another one has to follow."""
        del self.items[-1], self.kinds[-1]
        self.cell, self.recent = self.before
        return self.numbers.pop()

    def _read(self):
        """The whole window: all events but the last at once, then that one."""
        p, self.start = self.rec.params, self._window()
        before = catalogue.cut(self.past(), self.start, len(self.items) - 1)
        x, _ = embedding.forward(*before, p["E"], p["A"], p["F"])
        h, walked = lstm.forward(x, p["W"], p["U"], p["b"])
        _, seen = interest.forward(h, h, x, p["Wu"], p["bu"], p["fade"])  # for `recent` alone
        self.states, self.keys = h, h @ p["Wk"]
        self.cell = [walked.c0, *walked.c][-1]
        self.recent = [np.zeros_like(p["bu"]), *seen.recent][-1]
        self._step()

    def nbytes(self):
        """What this session keeps, beside the model."""
        arrays = self.states, self.keys, self.cell, self.recent, *self.before, self.u
        arrays += tuple(self.numbers)
        return sum(array.nbytes for array in arrays) + 16 * len(self.items)


def larger(rows):
    """The rows (T, H), with room for half as many more."""
    return np.concatenate([rows, np.empty((8 + len(rows) // 2, rows.shape[1]), rows.dtype)])
