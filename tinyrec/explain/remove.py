"""What if something had not happened? (article §9.5) The fewest events that carry a
recommendation, and what the ranking loses without a kind of knowledge.

T past events, N items, R histories asked about at once.
"""

from itertools import combinations

import numpy as np

from ..errors import InputError
from ..model import content
from ..preprocess.sequences import Log
from ..results import metrics
from .events import copy_with, logits

EXHAUSTIVE = 12  # events, of which every set is tried
MOST = 20  # events that the greedy search takes away
NUMBERS = {"since": "time since the last", "until": "time to the next"}  # as a table calls them


def counterfactual(rec, item, user=None, history=None, k=10, search="greedy"):
    """The fewest past events without which `item` falls out of the k best: their positions.

    Candidates are the items that were not seen, and stay so: an event taken away does not
    become a candidate. "greedy" takes away what lowers the item most against the k-th best, event
    by event, and does not promise the fewest; "exhaustive" does, for up to EXHAUSTIVE events.
    None where nothing helps. Raises InputError as `recommend` does, where the item is not among
    the k best, and where the history is too long to be exhaustive.
    """
    past, number = rec.past(user, history), rec.catalogue.numbers([item])[0]
    T = len(past.items)
    if search == "exhaustive" and T > EXHAUSTIVE:
        raise InputError(f"{T} events are too many for every set of them: {EXHAUSTIVE} at most")

    def margins(sets):
        """By how much the item leads what would push it out, without each set: (R,)."""
        keep = np.ones((len(sets), T), bool)
        for row, gone in zip(keep, sets, strict=True):
            row[list(gone)] = False
        z = logits(rec, past, keep)
        of_item = z[:, number].copy()
        z[:, [*past.items, number]] = -np.inf
        return of_item - np.partition(z, -k, axis=1)[:, -k] if k < z.shape[1] else of_item + np.inf

    if number in past.items or margins([()])[0] < 0:
        raise InputError(f"{item} is not among the {k} items recommended here")
    return (every_set if search == "exhaustive" else greedy)(margins, T)


def greedy(margins, T):
    gone = ()
    while len(gone) < min(MOST, T - 1):
        sets = [(*gone, event) for event in range(T) if event not in gone]
        found = margins(sets)
        gone = sets[found.argmin()]
        if found.min() < 0:
            return np.sort(gone)
    return None


def every_set(margins, T):
    for size in range(1, T):
        sets = list(combinations(range(T), size))
        found = margins(sets)
        if found.min() < 0:
            return np.array(sets[found.argmin()])
    return None


def importance(rec, seed=0):
    """NDCG@10 on the test targets as it is, and with one thing shuffled among users or events.

    Returns {what was shuffled: NDCG@10}, "nothing" first. What was seen stays excluded as it was.
    """
    log, spans = rec.targets()
    rng = np.random.default_rng(seed)

    def quality(shuffled, cut=lambda spans: spans, model=rec):
        def score(spans, _):
            return model.score(cut(spans), shuffled)

        return metrics.quality(score, log, spans)["ndcg@10"]

    lengths = dict(zip(spans[:, 1], rng.permutation(np.diff(spans)[:, 0]), strict=True))

    def as_long_as_others(spans):
        lent = np.array([lengths[stop] for stop in spans[:, 1]])
        return np.stack([np.maximum(spans[:, 0], spans[:, 1] - lent), spans[:, 1]], axis=1)

    found = {
        "nothing": quality(log),
        "kinds of event": quality(log._replace(kinds=rng.permutation(log.kinds))),
        "length of history": quality(log, as_long_as_others),
        "order of events": quality(in_any_order(log, spans, rng)),
        "the event just seen": quality(replaced(log, spans[:, 1] - 1, rng)),
        "all events before it": quality(replaced(log, before_last(spans), rng)),
    }
    for name, columns in columns_of(rec.catalogue.scales).items():
        numbers = log.numbers.copy()
        numbers[:, columns] = rng.permutation(numbers[:, columns])
        found[NUMBERS.get(name, name)] = quality(log._replace(numbers=numbers))
    if rec.content:
        found["content of items"] = quality(log, model=other_content(rec, rng))
    return found


def columns_of(scales):
    """{name: which of an event's numbers are its}: one more where it has gaps."""
    ends = np.cumsum([1 + gaps for _, _, gaps in scales.values()], dtype=int)
    return {name: slice(end - 1 - scale[2], end)
            for (name, scale), end in zip(scales.items(), ends, strict=True)}  # fmt: skip


def other_content(rec, rng):
    """The model with what is known of its items dealt out anew among them."""
    known = rec.content
    learnt = [known[name] for name in content.PARAMETERS]
    (e, bias), (e_dealt, bias_dealt) = (content.alone(C, *learnt) for C in
                                        (known["C"], rng.permutation(known["C"])))  # fmt: skip
    E, whole = rec.params["E"], rec.params["bias"]
    return copy_with(rec, rec.params | {"E": E - e + e_dealt, "bias": whole - bias + bias_dealt})


def before_last(spans):
    """Where the log's events are that lie in a span and are not its last one."""
    return np.concatenate([np.arange(start, stop - 1) for start, stop in spans])


def replaced(log, at, rng):
    """The log with the items and kinds at those places dealt out anew among them."""
    items, kinds = log.items.copy(), log.kinds.copy()
    dealt = rng.permutation(at)
    items[at], kinds[at] = log.items[dealt], log.kinds[dealt]
    return log._replace(items=items, kinds=kinds)


def in_any_order(log, spans, rng):
    """The log with the events within each span in any order."""
    order = np.arange(len(log.items))
    for start, stop in spans:
        rng.shuffle(order[start:stop])
    return Log(log.items[order], log.kinds[order], log.starts, log.numbers[order])
