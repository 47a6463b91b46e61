"""Vectors of items: what is said of them, encoded; or anybody's, from a file.

Raw vectors of texts share a large common part, and a few directions outweigh all others. So, with
X (n, D) centred and X = U S Vᵀ, a recommender learns from U S^½ (n, F), of mean squared length 1.
"""

import hashlib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

from .. import settings, store
from ..errors import InputError
from . import encoder as bert
from . import tfidf

WIDTH = 64  # F at most
MADE_BY = "tinyrec vectors"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
         "model.safetensors")  # fmt: skip


def encode(texts, encoder="tfidf", among=None):
    """The vectors (n, D) float32 of n texts, as `fit` and `add_items` take them.

    encoder    "tfidf", or the folder of a BERT as Hugging Face writes it
    among      the texts that TF-IDF's space is made from (None: these): a new item's vector means
               the same as the others' if it is encoded among them. A BERT needs none.
    Raises InputError for what is not text, texts that say nothing, and a folder's faults.
    """
    if isinstance(texts, str):
        raise InputError(f"{texts!r:.60} is one text: give a list of texts")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {number} is {text!r}: give text, '' where nothing is known")
    found = tfidf.encode(texts, among) if encoder == "tfidf" else bert.encode(texts, encoder)
    return found.astype(np.float32)


def of_items(texts, encoder, beside=None):
    """(ids, vectors): what `encode` makes of the items' texts, {id: text}; or a FILE.npz's.
    Of an item whose text is empty nothing is known.

    What a BERT made is kept in the folder `beside`, if one may write there, in a file named by
    the texts and the weights: the same ones are not encoded twice.
    """
    if str(encoder).endswith(".npz"):
        return read_vectors(encoder)
    texts = {item: text for item, text in texts.items() if text}
    if not texts:
        raise InputError("no text is known of the items: name a file of them with --items")
    ids, said = list(texts), list(texts.values())
    if encoder == "tfidf" or beside is None:
        return ids, encode(said, encoder)
    kept = Path(beside) / f"content-{fingerprint(texts, Path(encoder))}.npz"
    with suppress(InputError):
        _, found = store.read(kept, MADE_BY)
        return checked(ids, found.get("vectors", np.empty(0)), kept)
    vectors = encode(said, encoder)
    with suppress(InputError):
        store.write(kept, {"made by": MADE_BY}, {"vectors": vectors})
    return ids, vectors


def fingerprint(texts, folder):
    """A hash of the items' texts and of a BERT's files."""
    files = [file.read_bytes() for name in FILES if (file := folder / name).is_file()]
    return hashlib.sha256(b"\0".join([repr(texts).encode(), *files])).hexdigest()[:16]


def unit(X):
    """X (n, F) with rows of length one, so that their products are cosines; zeros stay."""
    return X / np.maximum(1e-9, np.linalg.norm(X, axis=1, keepdims=True))


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
        raise InputError("content: all alike, nothing in it tells the items apart")
    S, V = S[kept], V[:, kept]
    signs = np.sign(V[np.abs(V).argmax(axis=0), np.arange(len(S))])
    scale = np.sqrt(len(among) / S.sum())  # the mean squared length of the rows of U S^½ is ΣS/m
    return mean, V * signs / np.sqrt(S) * scale


def pair(given):
    """A dict of vectors by id, or the pair (ids, vectors), as (ids, vectors (n, D))."""
    try:
        ids, vectors = (list(given), list(given.values())) if isinstance(given, dict) else given
        ids, vectors = [] if isinstance(ids, str) else [*map(str, ids)], np.asarray(vectors)
    except (TypeError, ValueError):
        raise InputError("content: give a vector for each item id, all of one length") from None
    return checked(ids, vectors, "content")


def checked(ids, vectors, where):
    """ids and vectors (n, D) float32. Raises InputError for vectors of another shape or not
    finite, or an id that comes twice.
    """
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or len(vectors) != len(ids):
        found = f"{vectors.dtype} {vectors.shape}"
        raise InputError(f"{where}: {len(ids)} ids, vectors {found}; they have to be numbers "
                         f"({len(ids)}, F)")  # fmt: skip
    again = [name for name, count in Counter(ids).items() if count > 1]
    if again:
        raise InputError(f"{where}: id {again[0]!r:.60} is there more than once; keep one")
    faulty = np.flatnonzero(~(np.abs(vectors) <= store.LARGEST).all(axis=1))
    if len(faulty):
        raise InputError(f"{where}: the vector of {ids[faulty[0]]!r:.60} is not finite; leave the "
                         "item out")  # fmt: skip
    return ids, vectors.astype(np.float32)


def read_vectors(path):
    """(ids, vectors (n, D) float32) of a FILE.npz with `ids` (n,) text and `vectors` (n, D).

    Raises InputError if an array is not there, of another shape or type, or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            needed = sum(member.file_size for member in file.zip.infolist())
            settings.check_memory(needed, f"{path}: to be read")
            missing = {"ids", "vectors"} - {*file.files}
            if missing:
                raise InputError(f"{path}: no array {min(missing)}; it needs ids and vectors")
            ids, vectors = file["ids"], file["vectors"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except InputError:
        raise
    except Exception:  # a damaged archive may raise almost anything
        raise InputError(f"{path}: not an .npz of text ids and vectors, without pickle") from None
    if ids.ndim != 1 or ids.dtype.kind != "U":
        raise InputError(f"{path}: ids are {ids.dtype} {ids.shape}; they have to be text (n,)")
    return checked(ids.tolist(), vectors, path)
