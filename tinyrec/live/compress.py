"""A fitted model in less memory (article §8.4), and what that costs.

N items, D, H widths. Most of a large model is its item table E (N, D), the rest grows with H².
Each way gives parameters that save, load and recommend as the whole ones do; none is trained
on afterwards.
"""

import copy
import time

import numpy as np

from ..errors import InputError
from ..model import embedding, lstm, table
from ..model.table import Table
from ..preprocess import catalogue, sequences


def int8(model):
    """The item table in whole numbers from −127 to 127, with a scale for each row."""
    E = np.asarray(model.params["E"])
    scale = np.abs(E).max(axis=1, keepdims=True) / 127
    scale[scale == 0] = 1
    return {"E": Table(np.round(E / scale).astype(np.int8), scale)}


def float16(model):
    """The item table in half the bytes, three decimal digits."""
    return {"E": Table(np.asarray(model.params["E"]).astype(np.float16))}


def low_rank(model):
    """The item table as (N, D/2) times (D/2, D): the nearest such product (Eckart & Young)."""
    E = np.asarray(model.params["E"])
    left, sizes, right = np.linalg.svd(E, full_matrices=False)
    r = -(-E.shape[1] // 2)
    return {"E": Table(np.ascontiguousarray(left[:, :r] * sizes[:r]), basis=right[:r])}


def fewer_units(model, share=0.75):
    """The LSTM without the quarter of its units that the others can best speak for.

    A dropped unit's state is told from those kept by least squares, and what read it reads that
    instead. As few queries and keys as states are enough: h Wq (h Wk)ᵀ = h (Wq Wkᵀ) hᵀ, so that
    the product goes into Wq, and Wk becomes the identity.
    """
    p, products = model.params, state_products(model)
    H = len(p["U"])
    long, short = p["Wu"][:H], p["Wu"][H:]
    readers = np.concatenate([p["U"], long, short], axis=1)
    kept = units_to_keep(products, np.linalg.norm(readers, axis=1), max(1, round(share * H)))
    told = np.linalg.solve(products[np.ix_(kept, kept)], products[kept]).astype(np.float32)
    gates = np.concatenate([kept + gate * H for gate in range(4)])  # i, f, g, o
    scale = np.sqrt(len(kept) / H, dtype=np.float32)  # (9) divides by the root of the width
    return {"W": p["W"][:, gates], "U": told @ p["U"][:, gates], "b": p["b"][gates],
            "Wq": told @ p["Wq"] @ (told @ p["Wk"]).T * scale,
            "Wk": np.eye(len(kept), dtype=np.float32),
            "Wu": np.concatenate([told @ long, told @ short])}  # fmt: skip


def state_products(model, users=500):
    """Mean of hᵀ h over the steps that some users taught: (H, H)."""
    p, total, steps = model.params, 1e-3 * np.eye(len(model.params["U"])), 0
    for start, stop in sequences.latest(model.split.train[:users], model.settings["max_len"]):
        found = catalogue.cut(model.log, start, stop)
        x, _ = embedding.forward(*found, p["E"], p["A"], p["F"])
        h, _ = lstm.forward(x, p["W"], p["U"], p["b"])
        total, steps = total + h.T @ h, steps + len(h)
    return total / steps


def units_to_keep(products, weight, n):
    """The numbers of n units, ascending: one after another goes whose state, as far as the others
    cannot tell it, times the weight of what reads it (H,) is smallest.
    """
    kept = np.arange(len(products))
    while len(kept) > n:
        unexplained = 1 / np.diag(np.linalg.inv(products[np.ix_(kept, kept)]))
        kept = np.delete(kept, np.argmin(unexplained * weight[kept] ** 2))
    return kept


WAYS = {"float16": float16, "int8": int8, "low-rank": low_rank, "fewer-units": fewer_units}


def compressed(model, how):
    """A new Recommender, `how` smaller: one of WAYS. Raises InputError for another word."""
    if how not in WAYS:
        raise InputError(f"no way {how!r} to compress: there are {', '.join(WAYS)}")
    model._check_fitted()
    if not isinstance(model.layers, str):
        raise InputError("only models of the package's own layers can be compressed")
    smaller = copy.copy(model)
    try:
        smaller.params = model.params | WAYS[how](model)
    except np.linalg.LinAlgError:
        raise InputError(f"{how}: the model's parameters are too large, or damaged") from None
    smaller.run = None  # no training ends so
    smaller.settings = model.settings | {"hidden": len(smaller.params["U"])}
    return smaller


def nbytes(params):
    return sum(array.nbytes for array in table.apart(params).values())


def compare(model, scorings=50):
    """Yields for the model as it is, and each of WAYS: (name, bytes of its item table, bytes of
    all parameters, milliseconds to score all items once, test metrics).
    """
    for name in ("as it is", *WAYS):
        smaller = model if name == "as it is" else compressed(model, name)
        E, u = smaller.params["E"], np.ones((1, model.params["E"].shape[1]), np.float32)
        began = time.perf_counter()
        for _ in range(scorings):
            u @ E.T
        taken = 1e3 * (time.perf_counter() - began) / scorings
        yield name, E.nbytes, nbytes(smaller.params), taken, smaller.evaluate()
