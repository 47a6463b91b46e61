"""The metrics with lists and loops."""

import math


def ranks(scores, targets):
    out = []
    for row, t in zip(scores.tolist(), targets.tolist(), strict=True):
        if any(map(math.isnan, row)):
            out.append(len(row) - 1)
        else:
            out.append(sum(s > row[t] for s in row) + (row.count(row[t]) - 1) / 2)
    return out


def at_k(ranks, k=10):
    n, hits = len(ranks), [r for r in ranks if r < k]
    share = len(hits) / n
    return {f"hr@{k}": share, f"recall@{k}": share, f"precision@{k}": share / k,
            f"ndcg@{k}": sum(1 / math.log2(r + 2) for r in hits) / n,
            "mrr": sum(1 / (r + 1) for r in ranks) / n, f"f1@{k}": 2 * share / (k + 1)}
