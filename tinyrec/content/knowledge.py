"""What is known of a fitted model's items, and what it learnt from it (equation (0)).

A dict of arrays, or None for a model without content:
    C (N, F)    the items' vectors, in few directions and half-whitened (vectors.py)
    mean, turn  what made them from the vectors (n, D) that were given
    P, w, w0    learnt, see model/content.py
"""

import os

import numpy as np

from ..errors import InputError
from ..model import content
from ..preprocess.catalogue import some
from ..train import transfer
from . import vectors


def of(given, ids, start=None):
    """What is known at first, and the Catalogue `ids` with the items that the log does not have.

    given: {item id: vector}, or (ids, vectors (n, D)), or the path of a FILE.npz that holds
    these, or what encodes the items' texts (vectors.of_items); None gives None. An item
    without a vector has the mean one. start: the Recommender to begin with, whose directions
    serve again where its vectors were as wide. Raises InputError for what is not such, or if no
    id is in the log.
    """
    if given is None:
        return None, ids
    named = isinstance(given, (str, os.PathLike))
    names, X = vectors.of_items(ids.titles | ids.texts, given) if named else vectors.pair(given)
    at = np.array([ids.item_number.get(name, -1) for name in names], int)
    if not (at >= 0).any():
        example = next(iter(names), "")
        raise InputError(f"content: no id, such as {example!r:.60}, is in the log, which has "
                         f"{some(ids.items)}")  # fmt: skip
    theirs = start and start.content
    same = theirs and len(theirs["mean"]) == X.shape[1]
    mean, turn = (theirs["mean"], theirs["turn"]) if same else vectors.directions(X)
    C = vectors.apply(X, mean, turn)
    ours = np.zeros((len(ids.items), C.shape[1]), C.dtype)
    ours[at[at >= 0]] = C[at >= 0]
    new = [name for name, number in zip(names, at, strict=True) if number < 0]
    known = {"C": np.concatenate([ours, C[at < 0]]), "mean": mean, "turn": turn}
    return known, ids.with_items(new)


def of_learnt(known, n):
    """C of the first n items, those that are learnt from."""
    return None if known is None else known["C"][:n]


def begin(known, params, rng, log_odds):
    """Fresh parameters with those of (0); log_odds: the part of all biases that is one number."""
    if known is None:
        return params
    n, dim = params["E"].shape
    fresh = content.initial(rng, known["C"][:n], dim, log_odds)
    return params | {"bias": params["bias"] - fresh["w0"]} | fresh


def from_start(known, params, ids, start):
    """params as they begin with a fitted Recommender: the items' whole vectors are its, and what
    it has learnt of the same directions is kept.
    """
    if known is None:
        return transfer.begin(params, ids, start.params, start.catalogue)
    theirs = start.content or {}
    from_them = np.array_equal(theirs.get("turn"), known["turn"])
    mine = {name: (theirs if from_them else params)[name] for name in content.PARAMETERS}
    C = of_learnt(known, len(params["E"]))
    fresh = content.whole(params | mine, C)
    begun = transfer.begin(fresh, ids, start.params, start.catalogue)
    e, bias = content.alone(C, **mine)
    return begun | mine | {"E": begun["E"] - e, "bias": begun["bias"] - bias}


def whole(known, params):
    """The parameters that all items are scored with."""
    return params if known is None else content.whole(params, known["C"])


def learnt(known, params):
    """What is known, with what was learnt from it."""
    return known and known | {name: params[name] for name in content.PARAMETERS}


def add(known, ids, params, names, X):
    """known, ids and params with new items: raw ids and vectors (n, D). Raises InputError."""
    if known is None:
        raise InputError("new items are known by their content: fit(events, content=…) first")
    names, X = vectors.pair((names, X))
    old = [name for name in names if name in ids.item_number]
    if old:
        raise InputError(f"item {old[0]} is in the catalogue already; add new ones")
    if X.shape[1] != len(known["mean"]):
        raise InputError(f"vectors of {X.shape[1]} numbers: the model's items have "
                         f"{len(known['mean'])}")  # fmt: skip
    C = vectors.apply(X, known["mean"], known["turn"])
    E, bias = content.alone(C, *(known[name] for name in content.PARAMETERS))
    more = {"E": np.append(np.asarray(params["E"]), E, axis=0),
            "bias": np.append(params["bias"], bias)}  # fmt: skip
    return known | {"C": np.append(known["C"], C, axis=0)}, ids.with_items(names), params | more
