"""How well are items recommended that nobody has taken yet? `tinyrec study --cold`.

A tenth of the items, drawn at random, leaves the log; the model knows them by content alone. It
is then asked for each user's last event in the whole log, whatever that is, once with the true
content and once with the same vectors dealt out to the items at random.
"""

from dataclasses import replace

import numpy as np

from ..preprocess import catalogue
from ..preprocess.events import renumber
from ..recommender import Recommender
from ..results import metrics

SHARE = 0.1  # of the items


def study(events, content, settings, seeds=3):
    """Yields (row, metrics of each seed): NDCG@10 where the target is cold, among cold items and
    among all, and where it is not, among all. content: (ids, vectors).
    """
    ids, vectors = content
    found = {"its own": [], "shuffled": []}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        candidates = np.flatnonzero(np.isin(events.items, ids))
        cold = rng.permutation(candidates)[: round(SHARE * len(events.items))]
        for row, theirs in (("its own", vectors), ("shuffled", rng.permutation(vectors))):
            model = Recommender(**settings | {"seed": seed})
            model.fit(without(events, cold), content=(ids, theirs))
            found[row].append(measure(model, events, set(events.items[cold])))
    yield from found.items()


def without(events, items):
    """The Events on other items than these, given in numbers."""
    rows = np.flatnonzero(~np.isin(events.item, items))
    (user, users), (item, items) = (renumber(codes[rows], names) for codes, names in
                                    ((events.user, events.users), (events.item, events.items)))
    time = None if events.time is None else events.time[rows]
    numeric = {name: values[rows] for name, values in events.numeric.items()}
    return replace(events, user=user, item=item, kind=events.kind[rows], time=time, users=users,
                   items=items, numeric=numeric)  # fmt: skip


def measure(model, events, cold):
    """{"cold among cold", "cold among all", "warm among all": NDCG@10}; cold: raw ids."""
    ids = model.catalogue
    strangers = replace(ids, users=ids.users[:0])  # the whole histories are in the events
    log, spans = catalogue.targets(strangers, model.log, events)
    is_cold = np.isin(ids.items, list(cold))
    ranks = {"cold among cold": [], "cold among all": [], "warm among all": []}
    for block in metrics.order_of_blocks(spans, log):
        logits, targets = model.score(spans[block], log), log.items[spans[block, 1]]
        metrics.exclude(logits, spans[block], log)
        among_all, among_cold = (metrics.ranks(scores, targets) for scores in
                                 (logits, np.where(is_cold, logits, -np.inf)))  # fmt: skip
        ranks["cold among cold"] += [among_cold[is_cold[targets]]]
        ranks["cold among all"] += [among_all[is_cold[targets]]]
        ranks["warm among all"] += [among_all[~is_cold[targets]]]
    return {name: metrics.at_k(np.concatenate(found))["ndcg@10"] for name, found in ranks.items()}
