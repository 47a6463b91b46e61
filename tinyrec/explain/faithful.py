"""Are the explanations true? (article §9.5) Each method's word is held against the model itself.

For each user the model's best item is explained, and the model is asked again with events taken
away, a fixed number of them, of those that are said to help only (Baklanov et al., "Refining
Fidelity Metrics for Explainable Recommendations", SIGIR 2025).

T past events of a user, R histories asked about at once.
"""

import numpy as np

from ..datasets import shop
from ..errors import InputError
from ..model.functions import sigmoid
from ..preprocess import catalogue, sequences
from . import events

MOST = 5  # events taken away, or kept alone
BREAK = 3 * 3600  # seconds without an event, after which a session of the shop has ended
LIST = 10  # the best items, out of which the explained one may fall
SIGNED = 3  # events said to help most, or to hurt most, that are taken away together

COLUMNS = {  # of the table: what it is, and whether more or less of it is better
    "DEL@5": "chance left without the 1 to 5 events that are said to help most, mean: less",
    "INS@5": "chance reached with these alone: more",
    "POS@10": "share of items still among the ten best without all 5: less",
    "signs": "share of claims that are wrong: that 3 events help, or that 3 hurt: less",
    "shuffled": "rank correlation with the same of a model of shuffled numbers: near 0",
}


def test(rec, methods=tuple(events.METHODS), users=200, seed=0):
    """How each method's contributions stand the tests: {method: {column: mean over users}}.

    Raises InputError where nobody has more events than are taken away.
    """
    rng = np.random.default_rng(seed)
    log, spans = rec.targets()
    spans = sequences.latest(spans, rec.settings["max_len"])
    spans = spans[np.diff(spans)[:, 0] > MOST + 1]
    if not len(spans):
        raise InputError(f"explanations are tested on users with {MOST + 3} events or more: "
                         "nobody here has as many")  # fmt: skip
    spans = rng.permutation(spans)[:users]
    nonsense = shuffled(rec, rng)
    found = {method: [] for method in methods}
    for span in spans:
        past = history(log, span)
        item = best_unseen(events.logits(rec, past, np.ones((1, len(past.items)), bool)), past)[0]
        for method in methods:
            said = events.of_past(rec, past, item, method)
            other = events.of_past(nonsense, past, item, method)
            found[method].append([*one_user(rec, past, item, said), correlation(said, other)])
    return {method: dict(zip(COLUMNS, np.nanmean(rows, axis=0).tolist(), strict=True))
            for method, rows in found.items()}  # fmt: skip


def history(log, span):
    """A span of a Log as a Log of one user."""
    return sequences.as_log([catalogue.cut(log, *span)])


def best_unseen(z, past, k=1):
    """The k best items of each row of logits (R, N), the past ones left out: (R k,)."""
    z[:, past.items] = -np.inf
    return np.argsort(-z, axis=1, kind="stable")[:, :k].ravel()


def one_user(rec, past, item, said):
    """DEL@5, INS@5, POS@10 and the share of wrong signs of one explanation `said` (T,)."""
    T = len(said)
    order = np.argsort(-said, kind="stable")
    helping = order[said[order] > 0][:MOST]
    sets = [np.isin(np.arange(T), helping[:some]) for some in range(1, MOST + 1)]
    worst = order[::-1][:SIGNED]
    claims = [np.isin(np.arange(T), helping[:SIGNED]),
              np.isin(np.arange(T), worst[said[worst] < 0])]  # fmt: skip
    keep = [np.ones(T, bool), *(~gone for gone in sets), *sets, *(~gone for gone in claims)]
    some = np.array([row.any() for row in keep])  # a history needs an event
    z = np.full((len(keep), len(rec.catalogue.items)), -np.inf)
    z[some] = events.logits(rec, past, np.array(keep)[some])
    p = sigmoid(z[:, item])
    z[:, past.items] = -np.inf
    stays = (z[MOST] > z[MOST, item]).sum() < LIST
    helped, hurt = z[-2, item] < z[0, item], z[-1, item] > z[0, item]
    wrong = [not claim for claim, made in ((helped, claims[0]), (hurt, claims[1])) if made.any()]
    return (p[1 : MOST + 1].mean() / p[0], p[MOST + 1 : -2].mean() / p[0], stays,
            np.mean(wrong) if wrong else np.nan)  # fmt: skip


def shuffled(rec, rng):
    """The model with the numbers of each parameter in another order (after Adebayo et al., 2018).

    An explanation that stays the same did not look at what was learnt.
    """
    params = {name: rng.permutation(values.ravel()).reshape(values.shape)
              for name, values in rec.params.items()}  # fmt: skip
    return events.copy_with(rec, params)


def correlation(one, other):
    """Spearman's rank correlation of two explanations; NaN where one says nothing."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return np.corrcoef(ranks)[0, 1] if one.any() and other.any() else np.nan


def planted(rec, methods=tuple(events.METHODS), users=300, seed=0):
    """How often what the shop planted comes first, by method: {method: {case: share}}.

    "session": the target goes on from the step before (the case after the phone), which is its
    cause and the last event, so that recency is right by construction. Where two events are of
    that step (two phones) each stands in for the other, and neither is *the* cause: not asked.
    "habit": the target begins a session; its causes are the events by which earlier sessions with
    the same need began, and recency is not right. Asked is where the model has learnt what was
    planted: the target is among its ten best. For the bundled shop only: the generator knows.
    """
    log, spans = rec.targets()
    spans = np.random.default_rng(seed).permutation(spans)
    cases = {"session": [], "habit": []}
    for (case, causes), span in zip(causes_of(rec, log, spans), spans, strict=True):
        if case and len(cases[case]) < users:
            past, target = history(log, span), log.items[span[1]]
            z = events.logits(rec, past, np.ones((1, len(past.items)), bool))
            if target in best_unseen(z, past, LIST):
                cases[case].append((past, target, causes))
    return {method: {case: float(np.mean([events.of_past(rec, *asked, method).argmax() in causes
                                          for *asked, causes in some]))
                     for case, some in cases.items()} for method in methods}  # fmt: skip


def causes_of(rec, log, spans):
    """For each span's target: ("session" or "habit" or None, positions of its causes)."""
    truth = shop.generate()
    steps = np.flatnonzero(truth.kind == 0)  # one row a step
    first = np.searchsorted(truth.customer[steps], np.arange(len(truth.leaning)))
    number = {name: at for at, name in enumerate(shop.customer_ids(len(truth.leaning)))}
    users = rec.catalogue.users[np.searchsorted(log.starts, spans[:, 0], side="right") - 1]
    found = []
    for user, (start, stop) in zip(users, spans, strict=True):
        at = first[number[user]]
        mine = steps[at : at + stop - start + 1]
        need, stage, time = truth.need[mine], truth.stage[mine], truth.time[mine]
        begins = np.diff(time, prepend=-np.inf) > BREAK
        earlier = np.flatnonzero(begins[:-1] & (need[:-1] == need[-1]))
        goes_on = not begins[-1] and stage[-1] == stage[-2] + 1
        if goes_on and (begins[-2] or stage[-3] != stage[-2]):
            found.append(("session", [stop - start - 1]))
        elif begins[-1] and len(earlier):
            found.append(("habit", earlier))
        else:
            found.append((None, []))
    return found
