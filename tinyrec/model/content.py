"""Item content: what is known about an item joins the vector of its own (article §4.1, §2.1).

What is known stands in C: its title, say, as a vector. An item nobody has taken yet has no vector
of its own that means anything; P and w, learnt on all the others, say where it belongs.

Shapes, of the n items that a block touches, or of all:
    E (n, D), bias (n,) the items' own    C (n, F) what is known of them, not learnt
    P (F, D)    w (F,)    w0 (1,)    own (n,) bool, where the item's own counts; None: everywhere
"""

from typing import NamedTuple

import numpy as np

# The parameters and their shapes, as network.PARAMETERS has the others.
PARAMETERS = {"P": "F D", "w": "F", "w0": "1"}


class Cache(NamedTuple):
    C: np.ndarray  # (n, F)
    own: np.ndarray  # (n,) bool


def forward(E, bias, C, P, w, w0, own=None):
    """Returns the items' whole vectors (n, D) and biases (n,), and the cache."""
    own = np.ones(len(C), bool) if own is None else own
    e = np.where(own[:, None], E, 0) + C @ P  # (0)
    whole_bias = np.where(own, bias, 0) + C @ w + w0  # (0), likewise
    return (e, whole_bias), Cache(C, own)


def backward(d_whole, cache):
    """Returns (None, {"E", "bias", "P", "w", "w0"}); d_whole: of what forward returned."""
    de, dbias = d_whole
    C, own = cache
    dE = np.where(own[:, None], de, 0)  # ∂(0), left out where E was
    dP = C.T @ de  # ∂(0)
    own_bias = np.where(own, dbias, 0)  # ∂(0)
    dw = C.T @ dbias  # ∂(0)
    dw0 = dbias.sum(keepdims=True)  # ∂(0)
    return None, {"E": dE, "bias": own_bias, "P": dP, "w": dw, "w0": dw0}


def initial(rng, C, dim, w0):
    """Fresh P, w and w0: the part of what is known is as small as own vectors are, .05."""
    size = 0.05 / max(1e-6, np.sqrt((C**2).sum(axis=1).mean()))
    P = rng.normal(0, size, (C.shape[1], dim))
    params = {"P": P, "w": np.zeros(C.shape[1]), "w0": np.array([w0])}
    return {name: value.astype(C.dtype) for name, value in params.items()}


def whole(params, C):
    """The parameters of a network that knows no content: E and bias are whole, made once for all
    N items. C (N, F); items beyond the rows of E have nothing of their own.
    """
    n, own = len(params["E"]), {"E": params["E"], "bias": params["bias"]}
    learnt = {name: params[name] for name in PARAMETERS}
    rest = {name: value for name, value in params.items() if name not in PARAMETERS}
    (E, bias), _ = forward(**own, C=C[:n], **learnt)
    more_E, more_bias = alone(C[n:], **learnt)
    return rest | {"E": np.append(E, more_E, axis=0), "bias": np.append(bias, more_bias)}


def alone(C, P, w, w0):
    """Vectors (n, D) and biases (n,) of items of which nothing but C (n, F) is known."""
    nothing = np.zeros((len(C), P.shape[1]), P.dtype), np.zeros(len(C), w.dtype)
    return forward(*nothing, C, P, w, w0)[0]
