"""How well are items recommended that nobody has taken yet? `tinyrec study --cold`.

A tenth of the items, drawn at random, leaves the log; the model knows them by content alone. It
is then asked for each user's last event in the whole log, whatever that is: with the true content,
with the same vectors dealt out to the items at random, and, beside it, what is nearest by content
to the last items, and to what everybody takes. What lifts the odds of new items takes from those
that are known: how much, the rows over LIFTS say (`lift` in settings.py).
"""

from dataclasses import replace

import numpy as np

from ..content.vectors import unit
from ..preprocess import catalogue
from ..preprocess.events import renumber
from ..recommender import Recommender
from ..results import baselines, metrics

SHARE = 0.1  # of the items
LIFTS = (1, 2, 4, 8, 16, 32)  # of the odds of cold items


def study(events, content, settings, seeds=3):
    """Yields (row, lift, metrics of each seed): NDCG@10 where the target is cold, among cold
    items and among all, and where it is not, among all. content: (ids, vectors).
    """
    ids, vectors = content
    found = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        candidates = np.flatnonzero(among(events.items, ids))
        cold = rng.permutation(candidates)[: round(SHARE * len(events.items))]
        names = set(events.items[cold])
        models = {}
        for row, theirs in (("its own", vectors), ("shuffled", rng.permutation(vectors))):
            models[row] = Recommender(**settings | {"seed": seed})
            models[row].fit(without(events, cold), content=(ids, theirs))
        own = models["its own"]
        asked = [("its own", own.score, LIFTS), ("shuffled", models["shuffled"].score, (1,)),
                 ("nearest by its own", nearest(own.content["C"]), (1,)),
                 ("like all by its own", liked(own.content["C"], own.log), (1,))]  # fmt: skip
        for row, score, lifts in asked:
            for lift, metric in measure(own, score, events, names, lifts).items():
                found.setdefault((row, lift), []).append(metric)
    for (row, lift), of_seeds in found.items():
        yield row, lift, of_seeds


def trade_off(rows):
    """(lifts, cold, warm): NDCG@10 among all items over LIFTS, means of the seeds."""
    own = [(lift, *(np.mean([metric[name] for metric in found])
                    for name in ("cold among all", "warm among all")))
           for row, lift, found in rows if row == "its own"]  # fmt: skip
    return zip(*own, strict=True)


def nearest(C):
    """A score: the cosine of an item's content C (N, F) to the mean of the last events'."""
    C = unit(C)

    def score(spans, log):
        return np.array([C[log.items[max(start, stop - baselines.REACH) : stop]].mean(axis=0) @ C.T
                         for start, stop in spans])  # fmt: skip

    return score


def liked(C, log):
    """A score: the cosines of an item's content C (N, F) to all the log's items, summed; one for
    all users.
    """
    C = unit(C)
    everyone = C @ C[log.items].sum(axis=0)
    return lambda spans, _: np.tile(everyone, (len(spans), 1))


def among(ids, some):
    """(n,) bool: which raw ids are some of these?"""
    some = set(some)
    return np.array([name in some for name in ids], bool)


def without(events, items):
    """The Events on other items than these, given in numbers."""
    rows = np.flatnonzero(~np.isin(events.item, items))
    (user, users), (item, items) = (renumber(codes[rows], names) for codes, names in
                                    ((events.user, events.users), (events.item, events.items)))
    time = None if events.time is None else events.time[rows]
    numeric = {name: values[rows] for name, values in events.numeric.items()}
    return replace(events, user=user, item=item, kind=events.kind[rows], time=time, users=users,
                   items=items, numeric=numeric)  # fmt: skip


def measure(model, score, events, cold, lifts=(1,)):
    """{lift: {"cold among cold", "cold among all", "warm among all": NDCG@10}} of a score of the
    model's items; cold: raw ids.
    """
    ids = model.catalogue
    strangers = replace(ids, users=ids.users[:0])  # the whole histories are in the events
    log, spans = catalogue.targets(strangers, model.log, events)
    is_cold = among(ids.items, cold)
    ranks = {lift: ([], [], []) for lift in lifts}
    for block in metrics.order_of_blocks(spans, log):
        logits, targets = score(spans[block], log), log.items[spans[block, 1]]
        metrics.exclude(logits, spans[block], log)
        known = ~is_cold[targets]
        among_cold = metrics.ranks(np.where(is_cold, logits, -np.inf), targets)[~known]
        for lift, (cold_cold, cold_all, warm_all) in ranks.items():
            among_all = metrics.ranks(logits + np.log(lift) * is_cold, targets)
            cold_cold.append(among_cold)
            cold_all.append(among_all[~known])
            warm_all.append(among_all[known])
    names = "cold among cold", "cold among all", "warm among all"
    return {lift: {name: metrics.at_k(np.concatenate(some))["ndcg@10"]
                   for name, some in zip(names, three, strict=True)}
            for lift, three in ranks.items()}  # fmt: skip
