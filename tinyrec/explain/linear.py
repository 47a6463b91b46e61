"""The interpretable model beside the network (article §9.5): logistic regression on eight numbers.

B users, N items, F = 8 numbers about a user and a candidate, n events learnt from, K negatives.
What it says can be read off: eight coefficients, each for a number that people understand. What is
the same for all candidates, such as the time of asking, moves a ranking only with another number.
"""

from typing import NamedTuple

import numpy as np

from ..content.vectors import unit
from ..model import loss
from ..results import baselines
from ..train.adam import Adam

FEATURES = (
    "popularity",  # log of its share of all events
    "after the last event",  # log of how often it followed the last item elsewhere
    "after the last ten",  # the same, recent ones counting more
    "after any event so far",  # the same, all counting alike
    "times taken before",
    "how recently, if taken before",
    "like the last ten by content",  # cosine; 0 without content
    "after the last event, long ago",  # that number times the clock; 0 without
)
RARE = 1e-3  # what is added to a share before its log is taken
ROWS, K, STEPS = 1500, 100, 200  # events learnt from, negatives of each, steps of Adam


class Linear(NamedTuple):
    weights: np.ndarray  # (F,), for numbers with mean 0 and deviation 1
    bias: float
    mean: np.ndarray  # (F,) of the numbers as counted
    deviation: np.ndarray  # (F,)
    counted: tuple  # what `count` found in the log

    def score(self, spans, log):
        """The log-odds of being next for every item: (B, N), as in results/metrics.py."""
        z = (features(self.counted, spans, log) - self.mean) / self.deviation @ self.weights
        return loss.log_odds(z + self.bias, z.shape[1], K, 0)


def count(log, spans, n, C=None, clock=None):
    """Popularity (N,), transitions, content as vectors of length one, the clock's column."""
    shares = baselines.item_counts(log, spans, n) + 1.0
    known = None if C is None else unit(C)
    return shares / shares.sum(), baselines.transitions(log, spans, n), known, clock


def features(counted, spans, log):
    """The eight numbers for every item after each span: (B, N, F)."""
    popularity, followed, C, clock = counted
    N, nothing = len(popularity), (np.zeros(0, np.int64), np.zeros(0))
    found = np.empty((len(spans), N, len(FEATURES)))
    found[..., 0] = np.log(popularity)
    for row, (start, stop) in zip(found, spans, strict=True):
        past = log.items[start:stop][::-1]  # newest first
        decay = baselines.DECAY ** np.arange(len(past))
        after, share = zip(*(followed.get(item, nothing) for item in past), strict=True)
        back = np.repeat(np.arange(len(past)), [len(items) for items in after])
        after, share = np.concatenate(after), np.concatenate(share)
        row[:, 1] = np.bincount(after, share * (back == 0), N)
        row[:, 2] = np.bincount(after, share * decay[back] * (back < baselines.REACH), N)
        row[:, 3] = np.bincount(after, share, N) / len(past)
        row[:, 4] = np.bincount(past, minlength=N)
        row[:, 5] = 0
        row[past[::-1], 5] = decay[::-1]  # of an item taken twice, the later one stays
        row[:, 6] = 0 if C is None else C @ C[past[: baselines.REACH]].mean(axis=0)
    found[..., 1:4] = np.log(found[..., 1:4] + RARE)
    asked = np.zeros(len(spans)) if clock is None else log.numbers[spans[:, 1] - 1, clock]
    found[..., 7] = found[..., 1] * asked[:, None]
    return found


def of(model):
    """The Linear that learns from what a fitted Recommender has learnt from."""
    n, scales = len(model.catalogue.items), list(model.catalogue.scales)
    known = {"C": model.content["C"] if model.content else None,
             "clock": scales.index("until") if "until" in scales else None}  # fmt: skip
    return fit(model.log, model.split.train, n, **known)


def fit(log, spans, n, seed=0, **known):
    """The Linear of some training spans: logistic regression by (12), (13) and Adam. known: C and
    clock, as in `count`.

    Half of the users are counted while the coefficients are learnt on the other half, as a
    transition that was counted itself would seem surer than any new one; then all are counted.
    """
    rng = np.random.default_rng(seed)
    spans = rng.permutation(spans)
    half = len(spans) // 2
    x = examples(count(log, spans[:half], n, **known), log, spans[half:], rng)
    mean, deviation = x.mean(axis=(0, 1)), x.std(axis=(0, 1))
    deviation[deviation == 0] = 1
    x = ((x - mean) / deviation).reshape(-1, len(FEATURES)).astype(np.float32)
    params = {"weights": np.zeros(len(FEATURES)), "bias": np.full(1, -np.log(K))}
    adam = Adam(params)
    for step in range(STEPS):
        adam.lr = 0.1 * (1 - step / STEPS)
        z = (x @ params["weights"].astype(x.dtype) + params["bias"]).reshape(-1, 1 + K)
        _, cache = loss.forward(z[:, 0], z[:, 1:], len(z), 1.0)
        (dz_positive, dz_negative), _ = loss.backward(1.0, cache)
        dz = np.concatenate([dz_positive[:, None], dz_negative], axis=1)
        adam.step({"weights": dz.ravel() @ x, "bias": dz.sum(keepdims=True)[0]})
    counted = count(log, spans, n, **known)
    return Linear(params["weights"], params["bias"][0], mean, deviation, counted)


def examples(counted, log, spans, rng):
    """Numbers of the next item, first, and of K drawn evenly, after n events: (n, 1 + K, F)."""
    ends = np.concatenate([[(start, end) for end in range(start + 1, stop)]
                           for start, stop in spans if start + 1 < stop])  # fmt: skip
    ends = rng.permutation(ends)[:ROWS]
    target = log.items[ends[:, 1]]
    drawn = rng.integers(0, len(counted[0]), (len(ends), K))
    candidates = np.column_stack([target, drawn])
    rows = [features(counted, ends[at : at + 1], log)[0, candidates[at]]
            for at in range(len(ends))]  # fmt: skip
    return np.stack(rows)


def agreement(one, other, log, spans, k=10):
    """How far two scores agree on the items not seen: (share of the k best, of the best alone)."""
    lists = []
    for score in (one, other):
        logits = score(spans, log)
        for row, (start, stop) in zip(logits, spans, strict=True):
            row[log.items[start:stop]] = -np.inf
        lists.append(np.argsort(-logits, axis=1)[:, :k])
    shared = np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(*lists, strict=True)])
    return float(shared), float((lists[0][:, 0] == lists[1][:, 0]).mean())
