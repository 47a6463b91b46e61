"""TF-IDF and SVD: texts become vectors without any weights (Deerwester et al., 1990).

    text --words and their parts--> counts --TF-IDF--> a row of A (n, V) --SVD--> (n, R)

A says what each of n texts has of V features: rare ones weigh more (IDF), a row has length 1. The
R directions in which the rows differ most bring together words that occur together. Nearly all
of A is zero: three arrays say which numbers are not.
"""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from ..errors import InputError

RANK = 96  # R
ROUNDS = 4  # of the search for the R directions
PARTS = (2, 3, 4)  # characters in a part of a word: "hats" and "hat" share <h, ha, hat, …


class Sparse(NamedTuple):
    row: np.ndarray  # (m,), of the m numbers that are not zero
    column: np.ndarray  # (m,)
    value: np.ndarray  # (m,)
    shape: tuple[int, int]  # (n, V)


def encode(texts, among=None):
    """The texts' vectors (n, ≤ R); features, weights and directions are those of `among`."""
    among = texts if among is None else among
    counts = [features(text) for text in among]
    texts_with = Counter(feature for count in counts for feature in count)
    number = {feature: column for column, feature in enumerate(texts_with)}
    if not number:
        raise InputError("no text has a letter or a digit; give the items' titles")
    idf = np.log((1 + len(among)) / (1 + np.array([*texts_with.values()]))) + 1
    directions = main_directions(weigh(counts, number, idf))
    return product(weigh([features(text) for text in texts], number, idf), directions)


def features(text):
    """How often a text has each of its words, as <word>, and each part of one."""
    words = [f"<{word}>" for word in re.findall(r"\w+", text.casefold())]
    parts = [w[i : i + size] for w in words for size in PARTS for i in range(len(w) - size + 1)]
    return Counter(words + parts)


def weigh(counts, number, idf):
    """A: (1 + log count) · idf, each row of length 1; a feature without a number is left out."""
    found = [
        (row, number[feature], count)
        for row, features in enumerate(counts)
        for feature, count in features.items()
        if feature in number
    ]
    row, column, count = np.array(found, int).reshape(-1, 3).T
    value = (1 + np.log(count)) * idf[column]
    lengths = np.sqrt(np.bincount(row, value**2, len(counts)))
    return Sparse(row, column, value / lengths[row], (len(counts), len(number)))


def product(A, M):
    """A (n, V) @ M (V, R), one column of M after the other."""
    columns = np.ascontiguousarray(M.T)
    return np.stack([np.bincount(A.row, A.value * m[A.column], A.shape[0]) for m in columns], 1)


def main_directions(A):
    """The first right singular vectors (V, ≤ R) of A, by subspace iteration.

    Random directions, multiplied by AᵀA again and again, turn into those of the largest singular
    values; QR keeps them apart (Halko, Martinsson & Tropp, 2011). The seed is fixed.
    """
    A_T = Sparse(A.column, A.row, A.value, A.shape[::-1])
    Q = np.random.default_rng(0).normal(size=(A.shape[1], min(RANK, *A.shape)))
    for _ in range(ROUNDS):
        Q, _ = np.linalg.qr(product(A_T, product(A, Q)))
    _, _, turn = np.linalg.svd(product(A, Q), full_matrices=False)
    return Q @ turn.T
