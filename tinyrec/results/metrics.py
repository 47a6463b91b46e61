"""How good is a ranking? (article §9.4, with recall put right)

B test users, N items. Every user has one target, the item really taken next, and all N items
are ranked: ranks among a sample of items flatter every model and reorder them.
"""

import numpy as np

from ..model.functions import sigmoid

NAMES = ("hr", "ndcg", "mrr", "precision", "recall", "f1", "auc", "accuracy", "rmse")


def ranks(scores, targets):
    """How many items score above each target: (B, N) and (B,) give (B,); best is 0.

    Ties count half. Where a score is not a number the rank is the worst, N − 1.
    """
    of_target = np.take_along_axis(scores, targets[:, None], axis=1)
    above = (scores > of_target).sum(axis=1)
    ties = (scores == of_target).sum(axis=1) - 1
    broken = np.isnan(scores).any(axis=1)
    return np.where(broken, scores.shape[1] - 1, above + ties / 2)


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
    return 1 - ranks / np.maximum(1, candidates - 1)


def click_errors(logits, targets):
    """Judge σ(logit) as a click probability: accuracy and squared error, each (B,).

    Imagine two offers, the target (taken: 1) and one of the user's other candidates drawn
    evenly (not taken: 0); both figures are the expectation over that draw. Items with logit
    −∞ are no candidates. The root of the mean squared error is the article's RMSE (§9.4),
    known for probabilities as the root of the Brier score.
    """
    p = sigmoid(logits)
    p_target = np.take_along_axis(p, targets[:, None], axis=1)[:, 0]
    others = np.isfinite(logits)
    np.put_along_axis(others, targets[:, None], False, axis=1)
    count = np.maximum(1, others.sum(axis=1))
    right_no = ((p <= 0.5) & others).sum(axis=1) / count
    square_no = (p**2 * others).sum(axis=1) / count
    accuracy = ((p_target > 0.5) + right_no) / 2
    square = ((1 - p_target) ** 2 + square_no) / 2
    return accuracy, square


def evaluate(score, log, spans, k=10, exclude_seen=True, run=map):
    """Every metric of one model: {name: value}.

    score(spans) gives logits (B, N) for what follows the spans (B, 2) of the log, such that
    σ(logit) is the probability to take that item rather than one drawn evenly.
    Seen items (all in the span, but for the target) are no candidates if exclude_seen.
    run is how the blocks are worked through: map, or a thread pool's map.
    """

    def one_block(block):
        logits = score(block)
        targets = log.items[block[:, 1]].astype(np.int64)
        rows = np.arange(len(block))
        of_target = logits[rows, targets]
        if exclude_seen:
            for row, (start, stop) in zip(logits, block, strict=True):
                row[log.items[start:stop]] = -np.inf
            logits[rows, targets] = of_target
        rank = ranks(logits, targets)
        candidates = (logits > -np.inf).sum(axis=1)
        return rank, auc(rank, candidates), *click_errors(logits, targets)

    order = np.argsort(spans[:, 1] - spans[:, 0], kind="stable")
    blocks = np.array_split(spans[order], -(-len(spans) // 64))
    rank, area, accuracy, square = map(np.concatenate, zip(*run(one_block, blocks), strict=True))
    found = at_k(rank, k) | {"auc": area.mean(), "accuracy": accuracy.mean()}
    found["rmse"] = np.sqrt(square.mean())
    return {name: float(value) for name, value in found.items()}
