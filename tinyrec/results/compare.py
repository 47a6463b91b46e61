"""A fitted model beside the baselines and the shop's oracle: what the table is made of."""

import time
from functools import partial
from typing import NamedTuple

from ..datasets import shop
from ..explain import linear
from ..train.workers import workers
from . import baselines, metrics


class Comparison(NamedTuple):
    rows: dict  # {model: {metric: value}}
    users: int  # with a target
    items: int  # that are ranked
    split: str  # how the targets were held back, or "other" for another log's
    exclude_seen: bool
    repeats: int  # targets that were seen before
    clock: bool = False  # does the model know when it is asked: the target's time


def compare(model, events=None, exclude_seen=True, oracle=False):
    """The Comparison on the targets held back from the fitted log, or on those of other events.

    Baselines learn from the fitted log, and are asked on its own targets alone.
    """
    (log, test), ids = model.targets(events), model.catalogue
    ours = log is model.log
    learnt_from = log, model.split.train, len(ids.items)
    oracles = {"oracle": partial(shop.oracle_score, ids.users, ids.items, log)} if oracle else {}
    others = {name: partial(learn, *learnt_from) for name, learn in baselines.ALL.items()}
    others["logistic regression"] = lambda: linear.of(model).score

    def row(learn):
        return metrics.evaluate(learn(), log, test, exclude_seen)

    asked = oracles | others if ours else oracles
    with workers(model.threads) as pool:
        found = dict(zip(asked, pool.map(row, asked.values()), strict=True))
    found["tinyrec"] = model.evaluate(events, exclude_seen)
    rows = {name: found[name] for name in dict.fromkeys([*oracles, "tinyrec", *found])}
    split = model.settings["split"] if ours else "other"
    return Comparison(rows, len(test), len(ids.items), split, exclude_seen,
                      metrics.repeats(log, test), "until" in ids.scales)  # fmt: skip


def as_json(found, model, events, began, **seconds):
    """What `train` and `evaluate` write: the figures of a Comparison, sizes and seconds.

    began: the time.perf_counter() when the evaluation began.
    """
    rows = dict(found.rows)
    named = {"model": rows.pop("tinyrec")}
    if "oracle" in rows:
        named["oracle"] = rows.pop("oracle")
    sizes = {"users": len(model.catalogue.users), "items": len(model.catalogue.items),
             "events": len(model.log.items)}  # fmt: skip
    if events is not None and found.split == "other":
        sizes = {"users": len(events.users), "items": len(events.items),
                 "events": len(events.item)}  # fmt: skip
    seconds["evaluate"] = time.perf_counter() - began
    return named | {"baselines": rows} | sizes | {"seconds": seconds}
