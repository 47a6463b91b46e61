"""Why these recommendations? (article §9.5) The model's own sums, taken apart.

T past events, H hidden width, N items, k items explained. By (10) to (12) a logit is a sum:

    z = (long Wu_long + h Wu_short + bu) · E[c] + bias_c,    long = Σ_s w_s h_s

so the parts below add up to z exactly: nothing is estimated.
"""

from typing import NamedTuple

import numpy as np

from ..model import network


class Explanation(NamedTuple):
    history: np.ndarray  # (T,) the past items, oldest first
    weights: np.ndarray  # (T,) attention on each of them at the last step, summing to one
    items: np.ndarray  # (k,) the items explained
    long: np.ndarray  # (k,) the long-term interest's part in each logit
    short: np.ndarray  # (k,) the short-term interest's part
    base: np.ndarray  # (k,) the part that no history changes: bu · E[c] + bias_c
    events: np.ndarray  # (k, T) what each past event adds to `long`


def explain(params, history, kinds, items, layers):
    """Take apart the logits of `items` (k,) after a history (T,) with kinds (T,)."""
    _, caches = network.interest(params, history[None], kinds[None], layers)
    H = params["U"].shape[0]
    h = caches.attention.h[0]
    weights = caches.attention.w[0, -1]
    E = params["E"][items]
    events = (weights[:, None] * h @ params["Wu"][:H] @ E.T).T
    short = h[-1] @ params["Wu"][H:] @ E.T
    base = E @ params["bu"] + params["bias"][items]
    return Explanation(history, weights, items, events.sum(axis=1), short, base, events)
