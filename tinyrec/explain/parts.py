"""Why these recommendations? (article §9.5) The model's own sums, taken apart.

T past events, H hidden width, N items, k items explained. By (10) to (12) a logit is a sum:

    z = (long Wu_long + h Wu_short + recent + bu) · E[c] + bias_c,    long = Σ_s w_s h_s

so the parts below add up to z exactly: nothing is estimated.
"""

from typing import NamedTuple

import numpy as np

from ..model import content
from . import events


class Parts(NamedTuple):
    history: np.ndarray  # (T,) the past items, oldest first
    weights: np.ndarray  # (T,) attention on each of them at the last step, summing to one
    items: np.ndarray  # (k,) the items explained
    long: np.ndarray  # (k,) the long-term interest's part in each logit
    short: np.ndarray  # (k,) the short-term interest's part
    recent: np.ndarray  # (k,) the part of the events just seen, recent · E[c]
    base: np.ndarray  # (k,) the part that no history changes: bu · E[c] + bias_c
    events: np.ndarray  # (k, T) what each past event adds to `long`
    content: np.ndarray | None  # (k,) the part of the logit that comes by C[c] P and C[c]·w + w0,
    #   the rest by the item's own vector and bias: another cut through the same sum, by (0)


def parts(model, user=None, history=None, k=5, exclude_seen=True):
    """The logits of the k best items for a user or a history, taken apart, in item numbers.

    Raises InputError as `recommend` does, and for a model with layers of its own, whose sums are
    not known here.
    """
    past = model.past(user, history)
    u, caches = events.own_layers(model, past)
    best, _ = model.recommend(user, history, k, exclude_seen)
    items, params = model.catalogue.numbers(best), model.params
    H = len(params["U"])
    h, weights = caches.attention.h, caches.attention.w[-1]
    E = params["E"][items]
    of_events = (weights[:, None] * h @ params["Wu"][:H] @ E.T).T
    short = h[-1] @ params["Wu"][H:] @ E.T
    recent = E @ caches.interest.recent[-1]
    base = E @ params["bu"] + params["bias"][items]
    by_content = None
    if model.content:
        learnt = (model.content[name] for name in content.PARAMETERS)
        e, bias = content.alone(model.content["C"][items], *learnt)
        by_content = e @ u[-1] + bias
    long = of_events.sum(axis=1)
    seen = past.items[-len(weights) :]
    return Parts(seen, weights, items, long, short, recent, base, of_events, by_content)
