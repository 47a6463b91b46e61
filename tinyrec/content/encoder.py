"""A BERT encoder's forward pass: a text becomes a vector (Devlin et al., 2019; article §2.1).

Shapes: B texts of T tokens, D numbers a token, A attention heads, M numbers inside a layer
    tokens (B, T) int    x, a, f (B, T, D)    q, k, v (B, A, T, D/A)    w (B, A, T, T)
    E (V, D)    places (P, D)    query, key, value, out (D, D)    up (D, M)    down (M, D)
Texts of one length go together, so that nothing is padded and no mask is needed. The attention
is that of model/attention.py with three differences: several heads, a value matrix, and every
token sees all others, since the whole text is there at once.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import InputError
from ..model.functions import softmax, transpose
from . import tokenizer

TOKENS = 256  # computed at once: what they need stays near the cache

TABLES = {  # our name: Hugging Face's, shape
    "E": ("word_embeddings.weight", "V D"),
    "places": ("position_embeddings.weight", "P D"),
    "segments": ("token_type_embeddings.weight", "S D"),
}
LAYER = {  # each has a weight of this shape, in the file (out, in), and a bias of the first
    "query": ("attention.self.query", "D D"), "key": ("attention.self.key", "D D"),
    "value": ("attention.self.value", "D D"), "out": ("attention.output.dense", "D D"),
    "norm1": ("attention.output.LayerNorm", "D"), "norm2": ("output.LayerNorm", "D"),
    "up": ("intermediate.dense", "M D"), "down": ("output.dense", "D M"),
}  # fmt: skip
SIZES = {
    "V": "vocab_size", "D": "hidden_size", "P": "max_position_embeddings",
    "S": "type_vocab_size", "M": "intermediate_size", "A": "num_attention_heads",
    "layers": "num_hidden_layers",
}  # fmt: skip
READ = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


class Encoder(NamedTuple):
    tables: dict  # E (V, D), places (P, D), segments (S, D), norm0: scale and shift (D,)
    layers: list[dict]  # a dict a layer: name of LAYER -> (W, b), or scale and shift
    heads: int
    epsilon: float  # of normalise
    tokenizer: tokenizer.Tokenizer


def forward(model, tokens):
    """From tokens (B, T): the last x (B, T, D), and each layer's w (B, A, T, T)."""
    p, eps = model.tables, model.epsilon
    x = p["E"][tokens] + p["places"][: tokens.shape[-1]] + p["segments"][0]  # (E1)
    x = normalise(x, *p["norm0"], eps)
    weights = []
    for p in model.layers:
        a, w = attention(x, p, model.heads)
        x = normalise(x + a, *p["norm1"], eps)  # (E6)
        f = linear(gelu(linear(x, *p["up"])), *p["down"])  # (E7)
        x = normalise(x + f, *p["norm2"], eps)  # (E8)
        weights.append(w)
    return x, weights


def attention(x, p, heads):
    """Each token's sum over all tokens: a (B, T, D), and w (B, A, T, T)."""
    q = split(linear(x, *p["query"]), heads)  # (E3)
    k = split(linear(x, *p["key"]), heads)  # (E3)
    v = split(linear(x, *p["value"]), heads)  # (E3)
    w = softmax(q @ transpose(k) / sqrt(q.shape[-1]))  # (E4)
    a = linear(join(w @ v), *p["out"])  # (E5)
    return a, w


def linear(x, W, b):
    """x (..., D) @ W (D, M) + b, all rows in one product."""
    y = x.reshape(-1, len(W)) @ W + b
    return y.reshape(*x.shape[:-1], -1)


def normalise(x, scale, shift, epsilon):
    """Each token's numbers with mean 0 and variance 1, then a learnt scale and shift (D,)."""
    x = x - x.mean(axis=-1, keepdims=True)
    variance = (x * x).mean(axis=-1, keepdims=True)
    return x / np.sqrt(variance + epsilon) * scale + shift  # (E2)


def gelu(x):
    """x Φ(x): the share Φ, the normal distribution's, lets large x pass and stops small ones.

    Φ(−|x|) by Abramowitz & Stegun 7.1.26, to 1e-7.
    """
    size = np.abs(x)
    t = 1 / (1 + 0.3275911 / sqrt(2) * size)
    series = 1.061405429 * t - 1.453152027
    for coefficient in (1.421413741, -0.284496736, 0.254829592, 0):
        series = series * t + coefficient
    tail = 0.5 * series * np.exp(-0.5 * size * size)
    return np.maximum(x, 0) - size * tail


def split(x, heads):
    """(B, T, D) becomes (B, A, T, D/A): each head has its own part of the numbers."""
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads).transpose(0, 2, 1, 3)


def join(x):
    """The inverse: (B, A, T, D/A) becomes (B, T, D)."""
    B, A, T, width = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, A * width)


def encode(texts, model):
    """The texts' vectors (n, D) of length 1; model: a folder, or what `read` returned.

    A vector is the mean of the text's tokens after the last layer, what models trained for
    sentences use (Reimers & Gurevych, 2019).
    """
    model = model if isinstance(model, Encoder) else read(model)
    tokens = [model.tokenizer.numbers(text, len(model.tables["places"])) for text in texts]
    vectors = np.zeros((len(texts), model.tables["E"].shape[1]), np.float32)

    def encode_batch(rows):
        x, _ = forward(model, np.array([tokens[row] for row in rows]))
        text = x.mean(axis=1)  # (E9)
        vectors[rows] = text / np.linalg.norm(text, axis=-1, keepdims=True)  # (E9)

    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(encode_batch, batches([len(numbers) for numbers in tokens])))
    return vectors


def batches(lengths):
    """The texts' rows in groups of one length, TOKENS tokens in each."""
    lengths = np.array(lengths)
    for T in np.unique(lengths):
        rows = np.flatnonzero(lengths == T)
        size = max(1, TOKENS // T)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def read(folder):
    """The Encoder of a Hugging Face folder: config.json, model.safetensors, the vocabulary.

    Raises InputError, which names file, array and shape, for whatever is not a BERT's.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one with config.json in it")
    sizes, epsilon = read_config(folder / "config.json")
    words = tokenizer.read(folder)
    pieces = 1 + max(words.vocabulary.values())
    if pieces > sizes["V"]:
        raise InputError(f"{folder}: {pieces} pieces of words, {sizes['V']} vectors for them")
    path = folder / "model.safetensors"
    arrays = read_arrays(path)

    def take(name, shape):
        if name not in arrays:
            raise InputError(f"{path}: no array {name}; take a BERT's weights")
        found, wanted = arrays[name].shape, tuple(sizes[letter] for letter in shape.split())
        if found != wanted:
            raise InputError(f"{path}: {name} is {found}, and {wanted} by config.json")
        return arrays[name].astype(np.float32)

    def take_both(name, shape):
        return take(f"{name}.weight", shape).T, take(f"{name}.bias", shape.split()[0])

    def layer(start):
        return {ours: take_both(start + name, shape) for ours, (name, shape) in LAYER.items()}

    tables = {ours: take(f"embeddings.{name}", shape) for ours, (name, shape) in TABLES.items()}
    tables["norm0"] = take_both("embeddings.LayerNorm", "D")
    layers = [layer(f"encoder.layer.{number}.") for number in range(sizes["layers"])]
    return Encoder(tables, layers, sizes["A"], epsilon, words)


def read_config(path):
    """{letter of SIZES: number} and the ε of normalise."""
    config = tokenizer.read_json(path)
    for name, value in READ.items():
        if config.get(name, value) != value:
            raise InputError(f"{path}: {name} is {config[name]!r}; only {value!r} is read")
    for name in SIZES.values():
        if not isinstance(config.get(name), int) or config[name] < 1:
            raise InputError(f"{path}: {name} is {config.get(name)!r}, not a number of 1 or more")
    sizes = {letter: config[name] for letter, name in SIZES.items()}
    if sizes["D"] % sizes["A"]:
        raise InputError(f"{path}: {sizes['A']} heads cannot share {sizes['D']} numbers")
    return sizes, config.get("layer_norm_eps", 1e-12)


def read_arrays(path):
    """{Hugging Face's name: array}, without the prefix and the names of older files."""
    try:
        from safetensors import SafetensorError, numpy
    except ImportError:
        raise InputError("a BERT needs safetensors; pip install 'tinyrec[llm]'") from None
    try:
        arrays = numpy.load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the weights of a BERT belong there") from None
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise InputError(f"{path}: cannot be read ({error}); copy the file once more") from None
    older = re.compile(r"^bert\.|(?<=LayerNorm\.)(gamma|beta)$")
    newer = {"bert.": "", "gamma": "weight", "beta": "bias"}
    return {older.sub(lambda m: newer[m[0]], name): array for name, array in arrays.items()}
