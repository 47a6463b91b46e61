"""From a log to what the model eats: splits, windows, blocks (article §3.2.1, serialisation).

The log stays one flat pair of arrays, users one behind the other. A *span* is (start, stop)
into it: a user's events from start up to, not including, stop. For a training span every event
but the first is a target once; for a test span the event at `stop` is the one to be guessed.
"""

from typing import NamedTuple

import numpy as np

from ..errors import InputError

# Validation ranks all items for at least FEWEST users; for more while it takes less than about a
# fifth of an epoch: to rank RANKED items takes a fifth of the time that learning an event takes
FEWEST, RANKED = 2000, 500

# A block, the unit of work, has at most
BLOCK = 64  # users, so that a batch has blocks for several threads
STEPS = 2600  # padded ones too: what it keeps for its backward pass stays in the caches
PADDING = 200  # padded steps: more would cost more than to hand out another block


class Log(NamedTuple):
    items: np.ndarray  # (n,) int32
    kinds: np.ndarray  # (n,) int32
    starts: np.ndarray  # (users + 1,): user u has the events starts[u] … starts[u + 1] − 1
    numbers: np.ndarray | None = None  # (n, R) float32, see features.py; None: R = 0


class Split(NamedTuple):
    train: np.ndarray  # (users, 2) spans to learn from
    valid: np.ndarray  # (·, 2) spans before a target, to choose on
    test: np.ndarray  # (·, 2) spans before a target, to report


def serialise(events, numbers=None):
    """The events as a Log; rows are already sorted by user, then time. numbers (n, R)."""
    starts = np.searchsorted(events.user, np.arange(len(events.users) + 1))
    return Log(events.item, events.kind, starts, numbers)


def as_log(parts):
    """A Log of users' (items, kinds, numbers), one behind the other."""
    starts = np.cumsum([0] + [len(items) for items, _, _ in parts])
    items, kinds, numbers = map(np.concatenate, zip(*parts, strict=True))
    return Log(items, kinds, starts, numbers)


def histories(log):
    """Each user's whole history as a span: (users, 2)."""
    return np.stack([log.starts[:-1], log.starts[1:]], axis=1)


def split(log, time, how, keep_back=True):
    """The Split by "last" or "time"; everything is learnt from unless keep_back.

    Raises InputError where that leaves nobody to be tested on.
    """
    if not keep_back:
        whole = histories(log)
        return Split(train=whole, valid=whole[:0], test=whole[:0])
    if how == "time" and time is None:
        raise InputError('the log has no times to split at: use the split "last"')
    if how == "time" and time.min() == time.max():
        raise InputError('all times of the log are equal: use the split "last"')
    found = leave_one_out(log) if how == "last" else at_time(log, time)
    if not len(found.valid):
        raise InputError("nobody has an event to be tested on; users need three or more")
    return found


def leave_one_out(log):
    """Each user's last event is the test target, the one before it the validation target.

    Users with fewer than three events are learnt from whole and not tested.
    """
    start, stop = log.starts[:-1], log.starts[1:]
    held_out = np.where(stop - start >= 3, 2, 0)
    tested = held_out > 0
    train = np.stack([start, stop - held_out], axis=1)
    valid = np.stack([start, stop - 2], axis=1)[tested]
    test = np.stack([start, stop - 1], axis=1)[tested]
    return Split(train, valid, test)


def at_time(log, time, valid_from=0.8, test_from=0.9):
    """Split all users at the same two points in time, the given shares of the log.

    Learn from what came before the first; the targets are each user's first event after the
    first point (validation) and after the second (test), if that user had events before it.
    """
    first, second = np.quantile(time, [valid_from, test_from])
    start, stop = log.starts[:-1], log.starts[1:]
    at_first = start + np.add.reduceat(time < first, start)
    at_second = start + np.add.reduceat(time < second, start)
    train = np.stack([start, at_first], axis=1)
    valid = train[(start < at_first) & (at_first < at_second)]
    test = np.stack([start, at_second], axis=1)[(start < at_second) & (at_second < stop)]
    return Split(train, valid, test)


def for_validation(spans, windows, items, seed):
    """The spans to choose an epoch by: all, or of many an even sample, the same in every epoch.

    To rank all items for a target has to stay cheap beside learning from the windows.
    """
    events = int((windows[:, 1] - windows[:, 0] - 1).sum())
    most = max(FEWEST, RANKED * events // items)
    if len(spans) <= most:
        return spans
    chosen = np.random.default_rng(seed).choice(len(spans), most, replace=False)
    return spans[np.sort(chosen)]


def windows(spans, longest):
    """Cut spans into windows of at most `longest` targets each, counted from the end.

    Every event but a span's first is a target exactly once; neighbours share one event.
    """
    cut = [
        (max(start, end - longest - 1), end)
        for start, stop in spans
        for end in range(stop, start + 1, -longest)
    ]
    return np.array(cut, dtype=np.int64).reshape(-1, 2)


def latest(spans, longest):
    """The end of each span: at most its last `longest` events, at least three quarters as many.

    The window of a history that grows moves on by a quarter at a time, counted from the span's
    start, so that a session (live/session.py) reads it anew only then.
    """
    start, stop = spans.T
    hop = max(1, longest // 4)
    too_many = np.maximum(0, stop - start - longest)
    return np.stack([start - (-too_many // hop) * hop, stop], axis=1)


def used_up(log, spans, n):
    """Whether users work their way through the n items, a thousand or more: their spans, one
    each, have a thirtieth of these in the mean, and repeat fewer than one in a hundred events.
    """
    lengths = np.maximum(0, spans[:, 1] - spans[:, 0])
    if n < 1000 or lengths.mean() < n / 30:
        return False
    user = np.repeat(np.arange(len(spans)), lengths)
    pairs = np.sort(user * n + log.items[covered(spans, len(log.items))])
    return np.count_nonzero(np.diff(pairs) == 0) < len(pairs) / 100


def covered(spans, n):
    """Which of the log's n events lie in one of the spans, which do not overlap: (n,) bool."""
    spans = spans[spans[:, 0] < spans[:, 1]]
    edges = np.zeros(n + 1, np.int8)
    np.add.at(edges, spans[:, 0], 1)
    np.add.at(edges, spans[:, 1], -1)
    return np.cumsum(edges[:-1], dtype=np.int8).astype(bool)


def pad(values, spans):
    """The values of B spans side by side, (B, T), padded on the right with zeros."""
    start, stop = spans[:, :1], spans[:, 1:]
    at = start + np.arange((stop - start).max())
    return np.where(at < stop, values.take(at, mode="clip"), 0).astype(np.int64)


def numbers_of(log, spans):
    """The numbers of B spans' events side by side, (B, T, R), padded on the right with any."""
    start, stop = spans[:, :1], spans[:, 1:]
    at = start + np.arange((stop - start).max())
    known = np.empty((len(log.items), 0), np.float32) if log.numbers is None else log.numbers
    return known.take(at, axis=0, mode="clip")


def side_by_side(log, spans):
    """The spans' items and kinds (B, T) and numbers (B, T, R), padded on the right, and their
    lengths (B,).
    """
    return (pad(log.items, spans), pad(log.kinds, spans), numbers_of(log, spans),
            spans[:, 1] - spans[:, 0])  # fmt: skip


def by_length(spans):
    """Sort spans by length and cut them into blocks; yields index arrays.

    A block ends before four more spans would make it larger than BLOCK, STEPS or PADDING. Few
    short spans are cut in two of about the same size, so that two threads end together.
    """
    lengths = spans[:, 1] - spans[:, 0]
    order = np.argsort(lengths, kind="stable")
    lengths = lengths[order].tolist()
    if 4 < len(order) <= 2 * BLOCK and sum(lengths) <= STEPS:
        yield from np.split(order, [middle(lengths)])
        return
    begin = 0
    for four in range(4, len(order) + 4, 4):
        larger = lengths[begin : four + 4]
        steps = len(larger) * larger[-1]
        full = len(larger) > BLOCK or steps > STEPS or steps - sum(larger) > PADDING
        if full or four >= len(order):
            yield order[begin:four]
            begin = four


def middle(lengths):
    """Where to cut sorted lengths, a multiple of four, so that both blocks take about as long."""

    def longer(cut):
        return max(cut * lengths[cut - 1], (len(lengths) - cut) * lengths[-1])

    return min(range(4, len(lengths), 4), key=longer)
