"""What every model has to beat: rankings without a network, counted on the training part.

Each function learns from training spans and returns score(spans, log) -> logits (B, N): each
item's log-odds of being the next one, as in results/metrics.py.
"""

import numpy as np

from .. import settings
from ..model import loss, scorer
from ..preprocess.sequences import covered
from ..train import tables

DECAY = 0.8  # weight of an event in `decayed`, for each step it lies back
REACH = 10  # events that `decayed` looks back


def item_counts(log, spans, n):
    """How often each of the n items occurs in the spans: (n,)."""
    return np.bincount(log.items[covered(spans, len(log.items))], minlength=n)


def to_logits(p):
    return np.log(p) - np.log1p(-np.minimum(p, 1 - 1e-9))


def popularity(log, spans, n):
    """The same list for everyone: items by how often they were taken."""
    counts = item_counts(log, spans, n) + 1e-3
    logits = to_logits(counts / counts.sum())
    return lambda spans, log: np.tile(logits, (len(spans), 1))


def transitions(log, spans, n):
    """For each item, what followed it and in what share: {item: (next items, shares)}."""
    at = np.flatnonzero(covered(spans - [0, 1], len(log.items)))
    pairs, counts = np.unique(log.items[at] * np.int64(n) + log.items[at + 1], return_counts=True)
    first, following = np.divmod(pairs, n)
    edges = np.searchsorted(first, np.arange(n + 1))
    shares = {}
    for item in np.unique(first):
        rows = slice(edges[item], edges[item + 1])
        shares[item] = following[rows], counts[rows] / counts[rows].sum()
    return shares


def markov(log, spans, n, reach=1):
    """What followed the last item elsewhere; popularity decides between what never did."""
    followed = transitions(log, spans, n)
    popular = item_counts(log, spans, n) + 1e-3
    popular = popular / popular.sum()

    def score(spans, log):
        p = np.tile(1e-6 * popular, (len(spans), 1))
        for row, (start, stop) in zip(p, spans, strict=True):
            for back, item in enumerate(log.items[max(start, stop - reach) : stop][::-1]):
                following, share = followed.get(item, ([], 0))
                row[following] += DECAY**back * share
        return to_logits(p / p.sum(axis=1, keepdims=True))

    return score


def decayed_markov(log, spans, n):
    """What followed each of the last ten items elsewhere, the recent ones counting more."""
    return markov(log, spans, n, reach=REACH)


def matrix_factorisation(log, spans, n, dim=64, rows=2048, K=256, seed=0):
    """u is one learnt row per user, whatever the order: (12), (13) and Adam without (1)–(11).

    Each step takes `rows` past events of any users and one set of K negatives for them all;
    the steps come to 20 passes over the events, 2,000 steps at the most.
    """
    rng = np.random.default_rng(seed)
    users = len(log.starts) - 1
    user_of = np.repeat(np.arange(users), np.diff(log.starts))
    past = np.flatnonzero(covered(spans, len(log.items)))
    steps = min(2000, -(-20 * len(past) // rows))
    odds = {"items": n, "negatives": K, "t": 0.75}
    beta = loss.beta(**odds)
    params = {
        "P": rng.normal(0, 0.05, (users, dim)).astype(np.float32),
        "E": rng.normal(0, 0.05, (n, dim)).astype(np.float32),
        "bias": loss.prior_logits(item_counts(log, spans, n), K, beta).astype(np.float32),
    }
    layers = settings.backend("fast")
    adam = getattr(layers, "adam", tables).Adam(params)
    for step in range(steps):
        adam.lr = 1e-2 * (1 - step / steps)
        events = np.sort(rng.choice(past, rows))
        user, positives = user_of[events], log.items[events]
        negatives = rng.integers(0, n, K)
        touched, first = np.unique(user, return_index=True)
        adam.catch_up("P", touched)
        u = params["P"][user]
        of_items = params["E"], params["bias"], positives, negatives
        logits, scored = layers.scorer.forward(u, *of_items)
        _, cache = layers.loss.forward(*logits, rows, beta)
        du, grads = layers.scorer.backward(layers.loss.backward(1.0, cache)[0], scored)
        adam.step(grads | {"P": tables.Rows(touched, np.add.reduceat(du, first))})
    adam.settle()

    def score(spans, log):
        user = np.searchsorted(log.starts, spans[:, 0], side="right") - 1
        z = scorer.every_item(params["P"][user], params["E"], params["bias"])
        return loss.log_odds(z, **odds)

    return score


ALL = {
    "popularity": popularity,
    "markov": markov,
    "decayed markov": decayed_markov,
    "matrix factorisation": matrix_factorisation,
}
