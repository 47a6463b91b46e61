"""The exercises about the log: cleaning it, and cutting it into sequences."""

import numpy as np

from ...preprocess import sequences
from . import references
from .exercise import Exercise

MOST = 5  # events, above which a user may be a bot


def history(rng, user, kinds, items=9):
    """One user's events (n, 4) in order of time, from time 0 on; no item twice running."""
    n = len(kinds)
    item = np.cumsum(rng.integers(1, items, n)) % items
    return np.stack([np.full(n, user), item, kinds, np.arange(n)], axis=1).astype(float)


def with_rows(log, rows):
    """The log with further rows in its middle."""
    return np.insert(log, 4, rows, axis=0)


def cleaning_logs(rng):
    """name of a part -> a log that only its rule touches; and one that all rules touch.

    Which number stands for which kind of event is drawn: the usual one may be any.
    """
    view, cart, buy = rng.permutation(3).astype(float)
    kinds = ([view, view, cart, buy], [view, view, view], [view, buy, view, view])
    users = [history(rng, user, kinds[user]) for user in range(3)]  # whom no rule touches
    log = np.concatenate(users)
    missing = with_rows(log, [[np.nan, 3, buy, 5], [1, np.nan, view, 6]])
    untimed = with_rows(log, [[1, 4, buy, np.nan], [2, 3, view, np.nan]])
    again = users[0][1] + [0, 0, 0, 9]  # the same item and kind, at another time
    between = [[0, 3, view, 20], [0, 5, view, 20], [0, 3, view, 20]]  # the first of two stays
    duplicates = np.concatenate([users[0], [again], between, users[1], log[[1, 5]], users[2]])
    many = ([view] * (MOST + 1), [view] * MOST, [view] * 6 + [buy], [cart] * (MOST + 1))
    bots = np.concatenate([log, *[history(rng, 10 + n, kinds) for n, kinds in enumerate(many)]])
    tied = np.array([[0, item, view, 40] for item in (7, 2, 5)])
    order = np.concatenate([rng.permutation(log), tied])
    a, b, c = rng.permutation(9)[:3]
    steps = np.array([
        [0, a, view, 0], [0, a, cart, 1], [0, a, buy, 2], [0, b, view, 3], [0, a, view, 4],
        [0, c, view, 5], [1, c, view, 0], [1, b, view, 1], [1, b, view, 7],
    ])  # fmt: skip
    nearly = history(rng, 20, [view] * MOST)  # with its duplicates it would be a bot
    merged = history(rng, 22, [view] * (MOST + 1))  # a bot, though it has fewer steps
    merged[3, 1] = merged[2, 1]
    both = [[21, a, view, 3], [21, a, buy, 3]]  # no duplicates: one step
    apart = steps + [30, 0, 0, 0]
    gone = [[np.nan, a, cart, n] for n in range(60)]  # with them carts would be usual
    everything = [missing, untimed, bots, tied, apart, nearly, nearly[:2], merged, both, gone]
    together = np.concatenate(everything)
    return {"missing": missing, "untimed": untimed, "duplicates": duplicates, "bots": bots,
            "order": order, "steps": steps,
            "together": together[rng.permutation(len(together))]}  # fmt: skip


def cleaning_cases(rng):
    return [{"logs": cleaning_logs(rng), "most": MOST} for _ in range(3)]


def sequences_cases(rng):
    """Users with one to nine events; spans that are longer than a window, and shorter."""
    cases = []
    for longest in (2, 3, 4):
        counts = rng.permutation([1, 2, 3, 4, *rng.integers(3, 8, 2), 9])
        starts = np.append(0, np.cumsum(counts))
        n = int(starts[-1])
        log = {"items": rng.integers(1, 9, n), "kinds": rng.integers(0, 3, n), "starts": starts}
        spans = np.stack([starts[:-1], starts[1:]], axis=1)
        cases.append({"log": log, "spans": spans, "longest": longest})
    return cases


EXERCISES = (
    Exercise("cleaning", "cleaning", ("clean",), references, cleaning_cases),
    Exercise("sequences", "sequences", ("leave_one_out", "windows", "pad"), sequences,
             sequences_cases),
)  # fmt: skip
