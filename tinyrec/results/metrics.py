"""How good is a ranking? (article §9.4, with recall put right)

B test users, N items. Every user has one target, the item really taken next, and all N items
are ranked: ranks among a sample of items flatter every model and reorder them.
"""

import numpy as np

from .. import settings
from ..errors import InputError
from ..model.functions import sigmoid
from ..model.loss import beats_one_drawn
from . import calibration

LOGITS = 2**23  # at a time and thread: 32 MB, which glibc keeps, see train/workers.py


def ranks(scores, targets):
    """How many items score above each target: (B, N) and (B,) give (B,); best is 0.

    Ties count half. The rank is the worst, N − 1, where a score is not a number, and where the
    target is no candidate (−∞).
    """
    return np.array([rank(row, row[target]) for row, target in zip(scores, targets, strict=True)])


def rank(scores, of_target):
    """One row of `ranks`: scores (N,), that of the target among them."""
    if of_target == -np.inf or np.isnan(scores.max()):
        return len(scores) - 1.0
    above = np.count_nonzero(scores > of_target)
    ties = np.count_nonzero(scores == of_target) - 1
    return above + ties / 2


def best(scores, k):
    """The numbers of the k largest of the scores (N,), the best first, of equals the first.

    Of many scores only those are sorted that reach the k-th best of the peaks of 1,024 each.
    """
    peaks = scores[: len(scores) // 1024 * 1024].reshape(-1, 1024).max(axis=1)
    if k > len(peaks):
        return np.argsort(-scores, kind="stable")[:k]
    enough = np.partition(peaks, -k)[-k]
    reach_it = np.flatnonzero(~(scores < enough))  # all of them, if it is not a number
    return reach_it[np.argsort(-scores[reach_it], kind="stable")[:k]]


def check_numbers(logits):
    if np.isnan(logits).any():
        raise InputError("the model gives scores that are no numbers: its parameters are damaged; "
                         "train it again, or load it from its file")  # fmt: skip


def at_k(ranks, k=10):
    """Means over users of what a list of the k best items is worth, one target each.

    hr         share of users whose target is in the list (hit rate)
    ndcg       1 / log2(2 + rank) if it is, else 0: a hit further up counts more
    mrr        1 / (1 + rank), also beyond the list: mean reciprocal rank
    precision  share of the list that was taken: 1/k for a hit
    recall     share of what was taken that is in the list: with one target, the hit rate.
               (The article's §9.4 describes the share that was missed, 1 − recall.)
    f1         harmonic mean of precision and recall: 2/(k + 1) for a hit
    """
    hit = ranks < k
    return {
        f"hr@{k}": hit.mean(),
        f"ndcg@{k}": np.where(hit, 1 / np.log2(2 + ranks), 0).mean(),
        "mrr": (1 / (1 + ranks)).mean(),
        f"precision@{k}": (hit / k).mean(),
        f"recall@{k}": hit.mean(),
        f"f1@{k}": (hit * 2 / (k + 1)).mean(),
    }


def auc(ranks, candidates):
    """Chance that the target scores above another candidate: (B,), candidates (B,) in all."""
    return np.maximum(0, 1 - ranks / np.maximum(1, candidates - 1))


def click_errors(logits, targets):
    """Judge the log-odds of being next as a click probability: accuracy and squared error, (B,).

    Imagine two offers, the target (taken: 1) and one of the user's other candidates drawn
    evenly (not taken: 0); both figures are the expectation over that draw. Items with logit
    −∞ are no candidates. The root of the mean squared error is the article's RMSE (§9.4),
    known for probabilities as the root of the Brier score.
    """
    found = [click_error(row, target) for row, target in zip(logits, targets, strict=True)]
    return tuple(np.array(found).T)


def click_error(logits, target):
    """One row of `click_errors`: accuracy and squared error, for logits (N,)."""
    candidates = logits > -np.inf
    p = sigmoid(beats_one_drawn(logits, len(logits)))
    taken, hit = float(p[target]), bool(p[target] > 0.5)
    others = max(1, np.count_nonzero(candidates) - bool(candidates[target]))
    wrong = (np.count_nonzero(p > 0.5) - hit) / others
    square = (p @ p - taken**2) / others
    return (hit + 1 - wrong) / 2, ((1 - taken) ** 2 + square) / 2


def judge(logits, targets):
    """Each row's rank, candidates, accuracy and squared error (B,), and the Reliability of all."""
    candidates = np.array([np.count_nonzero(row > -np.inf) for row in logits])
    errors = click_errors(logits, targets)
    return ranks(logits, targets), candidates, *errors, calibration.reliability(logits, targets)


def over_blocks(measure, score, log, spans, exclude_seen, run):
    """measure(logits, targets) of some users at a time, in order of length: a list.

    run is how the blocks are worked through: map, or a thread pool's map.
    """

    def one_block(block):
        logits = score(block, log)
        targets = log.items[block[:, 1]].astype(np.int64)
        if targets.max() >= logits.shape[1]:  # an item that nobody scores is no candidate
            logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=-np.inf)
        if exclude_seen:
            exclude(logits, block, log)
        return measure(logits, targets)

    return list(run(one_block, blocks_of(spans, log)))


def exclude(logits, spans, log):
    """What each span has seen is no candidate: logits (B, N) become −∞ there, in place."""
    for row, (start, stop) in zip(logits, spans, strict=True):
        row[log.items[start:stop]] = -np.inf


def blocks_of(spans, log):
    """The spans, sorted by length, in blocks."""
    return [spans[block] for block in order_of_blocks(spans, log)]


def order_of_blocks(spans, log):
    """Which spans form a block: of like length, 64, or fewer where there are many items."""
    users = int(np.clip(LOGITS // (log.items.max() + 1), 8, 64))
    order = np.argsort(spans[:, 1] - spans[:, 0], kind="stable")
    return np.array_split(order, -(-len(spans) // users))


def judged(score, log, spans, exclude_seen, run):
    """`judge` over all spans, in order of length; compiled, where it can be."""
    quick = settings.backend("fast")
    measure = quick.metrics.judge if hasattr(quick, "metrics") else judge
    *each, binned = zip(*over_blocks(measure, score, log, spans, exclude_seen, run), strict=True)
    return *map(np.concatenate, each), calibration.Reliability(*np.sum(binned, axis=0))


def quality(score, log, spans, exclude_seen=True, run=map, k=10):
    """HR and NDCG alone, to choose an epoch by; arguments as in `evaluate`."""
    found = at_k(judged(score, log, spans, exclude_seen, run)[0], k)
    return {name: float(found[name]) for name in (f"hr@{k}", f"ndcg@{k}")}


def evaluate(score, log, spans, exclude_seen=True, run=map, k=10):
    """Every metric of one model: {name: value}.

    score(spans, log) gives for what follows the spans (B, 2) of the log each item's log-odds of
    being the next one, (B, N). With exclude_seen the items in a span are no candidates, so that
    a target that was seen before counts as missed, as `recommend` would not show it.
    """
    rank, candidates, accuracy, square, shown = judged(score, log, spans, exclude_seen, run)
    check_numbers(square)
    found = at_k(rank, k) | {"auc": auc(rank, candidates).mean(), "accuracy": accuracy.mean()}
    found["rmse"] = np.sqrt(square.mean())
    found["ece"] = shown.error(len(rank))
    return {name: float(value) for name, value in found.items()}


def reliability(score, log, spans, exclude_seen=True, run=map):
    """The Reliability over all targets; arguments as in `evaluate`."""
    return judged(score, log, spans, exclude_seen, run)[-1]


def calibrate(score, log, spans, run=map):
    """The Calibration of a model whose `score` has none yet, by its targets."""

    def one_block(block):
        seen = [log.items[start:stop] for start, stop in block]
        return calibration.count(score(block, log), log.items[block[:, 1]], seen)

    return calibration.fit(sum(run(one_block, blocks_of(spans, log))))


def repeats(log, spans):
    """How many targets were seen before."""
    return sum(log.items[stop] in log.items[start:stop] for start, stop in spans)
