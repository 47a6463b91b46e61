"""Why these recommendations? (article §9.5) The model's own sums, taken apart.

T past events, H hidden width, N items, k items explained. By (10) to (12) a logit is a sum:

    z = (long Wu_long + h Wu_short + recent + bu) · E[c] + bias_c,    long = Σ_s w_s h_s

so the parts below add up to z exactly: nothing is estimated.
"""

from typing import NamedTuple

import numpy as np

from .. import model as readable
from ..errors import InputError
from ..model import content, network
from ..preprocess import catalogue, sequences


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


def parts(model, user=None, history=None, k=5):
    """The logits of the k best items for a user or a history, taken apart, in item numbers.

    Raises InputError as `recommend` does, and for a model with layers of its own, whose sums are
    not known here.
    """
    if not isinstance(model.layers, str):
        raise InputError("the parts of a logit are known for the package's own layers only")
    best, _ = model.recommend(user, history, k)
    past = model.past(user, history)
    ((start, stop),) = sequences.latest(past.starts[None], model.settings["max_len"])
    events = catalogue.cut(past, start, stop)
    return taken_apart(model.params, events, model.catalogue.numbers(best), model.content)


def taken_apart(params, past, items, known=None):
    """The Parts of the logits of `items` (k,) after T events: their items and kinds (T,), numbers.

    known: what is known of the items, as in content/knowledge.py.
    """
    u, caches = network.interest(params, *(part[None] for part in past), readable)
    H = params["U"].shape[0]
    h = caches.attention.h[0]
    weights = caches.attention.w[0, -1]
    E = params["E"][items]
    events = (weights[:, None] * h @ params["Wu"][:H] @ E.T).T
    short = h[-1] @ params["Wu"][H:] @ E.T
    recent = E @ caches.interest.recent[0, -1]
    base = E @ params["bu"] + params["bias"][items]
    by_content = None
    if known:
        learnt = (known[name] for name in content.PARAMETERS)
        e, bias = content.alone(known["C"][items], *learnt)
        by_content = e @ u[0, -1] + bias
    long = events.sum(axis=1)
    return Parts(past[0], weights, items, long, short, recent, base, events, by_content)
