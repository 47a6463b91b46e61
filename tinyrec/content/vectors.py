"""Vectors that a recommender learns well from: centred, few, and half-whitened.

Raw vectors of texts share a large common part, and a few directions outweigh all others. So, with
X (n, D) centred and X = U S Vᵀ, the vectors are U S^½ (n, F), of mean squared length 1.
"""

import os
import zipfile
from collections import Counter

import numpy as np

from .. import store
from ..errors import InputError
from . import encoder as bert
from . import tfidf

WIDTH = 64  # F at most


def encode(texts, encoder="tfidf", among=None):
    """The vectors (n, F) float32 of n texts, F ≤ 64.

    encoder    "tfidf", or the folder of a BERT as Hugging Face writes it
    among      the texts that the space is made from (None: these): a new item's vector means the
               same as the others' if it is encoded among them
    Raises InputError for what is not text, texts that are all alike, and a folder's faults.
    """
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {number} is {text!r}: give text, '' where nothing is known")
    every = [*texts] if among is None else [*texts, *among]
    if encoder == "tfidf":
        raw = tfidf.encode(every, texts if among is None else among)
    else:
        raw = bert.encode(every, encoder)
    return half_whiten(raw[: len(texts)], raw if among is None else raw[len(texts) :])


def half_whiten(X, among):
    """X (n, D) in the main directions of `among` (m, D), by their singular values' power ½.

    The largest number of a direction is positive, so that the same texts give the same signs.
    """
    return apply(X, *directions(among))


def apply(X, mean, turn):
    """X (n, D) in the `directions` of others: (n, F)."""
    return ((X - mean) @ turn).astype(np.float32)


def directions(among):
    """What `half_whiten` takes from `among` (m, D): its mean (D,), and a matrix (D, F)."""
    mean = among.mean(axis=0, dtype=float)
    centred = among - mean
    S_squared, V = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(-S_squared)[:WIDTH]
    S, V = np.sqrt(np.maximum(S_squared[order], 0)), V[:, order]
    kept = S / np.linalg.norm(among) > 1e-5
    if not kept.any():
        raise InputError("the texts are all alike: nothing in them tells the items apart")
    S, V = S[kept], V[:, kept]
    signs = np.sign(V[np.abs(V).argmax(axis=0), np.arange(len(S))])
    scale = np.sqrt(len(among) / S.sum())  # the mean squared length of the rows of U S^½ is ΣS/m
    return mean, V * signs / np.sqrt(S) * scale


def pair(given):
    """What `fit` takes as content, as (ids, vectors (n, D)): a dict of vectors by id, such a
    pair, or the path of a FILE.npz. Raises InputError.
    """
    if isinstance(given, (str, os.PathLike)):
        return read_vectors(given)
    if isinstance(given, dict):
        given = list(given), list(given.values())
    try:
        ids, vectors = given
        ids, vectors = [str(name) for name in ids], np.asarray(vectors, np.float32)
    except (TypeError, ValueError):
        raise InputError("content: give a vector for each item id, all of one length") from None
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise InputError(f"content: {len(ids)} ids, but vectors {vectors.shape}; give (n, F)")
    return check_pair(ids, vectors, "content")


def check_pair(ids, vectors, where):
    """(ids, vectors). Raises InputError for an id that comes twice, a vector not finite."""
    again = [name for name, count in Counter(ids).items() if count > 1]
    if again:
        raise InputError(f"{where}: id {again[0]} is there more than once; keep one")
    faulty = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(faulty):
        raise InputError(f"{where}: the vector of {ids[faulty[0]]} is not finite; leave the item "
                         "out")  # fmt: skip
    return ids, vectors


def of_items(texts, encoder):
    """(ids, vectors): what `encode` makes of the items' texts, {id: text}; or a FILE.npz's."""
    if str(encoder).endswith(".npz"):
        return read_vectors(encoder)
    if not texts:
        raise InputError("no text is known of the items: name a file of them with --items")
    return list(texts), encode(list(texts.values()), encoder)


def write_vectors(path, ids, vectors):
    """FILE.npz with ids (n,) text and vectors (n, F), whole or not at all."""
    store.write(path, {"made by": "tinyrec vectors"}, {"ids": ids, "vectors": vectors})


def read_vectors(path):
    """(ids (n,) text, vectors (n, F) float32) of a FILE.npz, ours or anybody's.

    Raises InputError if an array is not there, of another shape or type, or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            ids, vectors = file["ids"], file["vectors"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except KeyError as error:
        raise InputError(f"{path}: no array {error.args[0]}; it needs ids and vectors") from None
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile):
        raise InputError(f"{path}: not an .npz of text ids and vectors, without pickle") from None
    if ids.ndim != 1 or ids.dtype.kind != "U":
        raise InputError(f"{path}: ids are {ids.dtype} {ids.shape}; they have to be text (n,)")
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or len(vectors) != len(ids):
        found = f"{vectors.dtype} {vectors.shape}"
        raise InputError(f"{path}: vectors are {found}; they have to be numbers ({len(ids)}, F)")
    check_pair(ids.tolist(), vectors, path)
    return ids, vectors.astype(np.float32)
