"""A large language model, small: a Llama decoder writes a text token by token (article §2.1).

Shapes: T new tokens after those before, S all of them, D numbers a token, A heads that ask,
G ≤ A heads that answer, each of d = D/A numbers, M numbers inside a layer, V tokens known
    x (T, D)    q (T, A, d)    k, v (T, G, d)    w (A, T, S)    logits (T, V)
    Wq, Wo (D, D)    Wk, Wv (D, G·d)    gate, up (D, M)    down (M, D)    E (V, D)
It is a recommender of words: embedding, causal attention, and a score for every word that could
come next. Weights and words stand in one GGUF file (Touvron et al., 2023; llama.cpp).
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..model.functions import sigmoid, softmax, transpose
from .gguf_file import Decoder, read
from .packed import Packed, product

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


class Memory(NamedTuple):
    """Keys and values of the tokens so far, so that a new token costs one row, not all."""

    k: np.ndarray  # (layers, G, longest, d)
    v: np.ndarray  # (layers, G, longest, d)


def forward(model, tokens, memory, start=0):
    """tokens (T,) at the places start, start + 1, …: logits (T, V), weights (layers, A, T, S).

    The memory holds the `start` tokens before, and is written to: afterwards it holds these too.
    """
    stop = start + len(tokens)
    turn = rotation(np.arange(start, stop), memory.k.shape[-1], model.theta)
    future = np.triu(np.ones((len(tokens), stop), bool), start + 1)
    x = look_up(model.E, tokens)  # (D1)
    weights = []
    for number, p in enumerate(model.layers):
        keys, values = memory.k[number, :, :stop], memory.v[number, :, :stop]
        a, w = attention(rms_norm(x, p["norm1"], model.epsilon), p, keys, values, turn, future)
        x = x + a  # (D7)
        f = feed_forward(rms_norm(x, p["norm2"], model.epsilon), p)
        x = x + f  # (D9)
        weights.append(w)
    logits = times(rms_norm(x, model.norm, model.epsilon), model.out)  # (D10)
    return logits, np.array(weights)


def attention(x, p, keys, values, turn, future):
    """Each token's sum over itself and those before: a (T, D), and w (A, T, S).

    keys, values (G, S, d): of all tokens; the last T rows are written here.
    """
    T, D = x.shape
    G, S, d = keys.shape
    q = rotate(times(x, p["Wq"]).reshape(T, -1, d), turn)  # (D3), (D4)
    k = rotate(times(x, p["Wk"]).reshape(T, G, d), turn)  # (D3), (D4)
    v = times(x, p["Wv"]).reshape(T, G, d)  # (D3)
    keys[:, -T:] = k.swapaxes(0, 1)
    values[:, -T:] = v.swapaxes(0, 1)
    q = q.swapaxes(0, 1).reshape(G, -1, d)  # the A/G heads that one head answers, side by side
    scores = (q @ transpose(keys) / sqrt(d)).reshape(-1, T, S)  # (D5)
    w = softmax(np.where(future, -np.inf, scores))  # (D5)
    a = (w.reshape(G, -1, S) @ values).reshape(-1, T, d)  # (D6)
    return times(a.swapaxes(0, 1).reshape(T, D), p["Wo"]), w  # (D6)


def feed_forward(x, p):
    """SwiGLU (Shazeer, 2020): one product, of which another says how much passes; (T, D)."""
    gate = times(x, p["gate"])
    return times(gate * sigmoid(gate) * times(x, p["up"]), p["down"])  # (D8)


def rms_norm(x, scale, epsilon):
    """Each token's numbers with mean square 1, then a learnt scale (D,)."""
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon) * scale  # (D2)


def rotation(places, d, theta):
    """Rotary positions (Su et al., 2021) of T places: complex numbers of size 1 (T, 1, d/2)."""
    speeds = theta ** (-np.arange(0, d, 2) / d)
    return np.exp(1j * places[:, None, None] * speeds).astype(np.complex64)


def rotate(x, turn):
    """Neighbouring numbers of x (T, heads, d) are a complex one; its angle grows with the place.

    So q·k depends on how far apart two tokens are, and not on where they stand.
    """
    return (x.view(np.complex64) * turn).view(np.float32)  # (D4)


def times(x, W):
    return product(x, W) if isinstance(W, Packed) else x @ W


def look_up(E, tokens):
    """The tokens' vectors (T, D)."""
    return E.columns(tokens) if isinstance(E, Packed) else E.T[tokens]


def empty_memory(model, longest):
    """Room for the keys and values of `longest` tokens."""
    s = model.sizes
    shape = (s["layers"], s["G"], longest, s["D"] // s["A"])
    return Memory(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def stream(prompt, model, tokens=100, temperature=0.2, seed=0, chat=True):
    """Pieces of text, one a token, as they are written: at most `tokens`, or to the end.

    model        a GGUF file, or what `read` returned
    temperature  0 always takes the likeliest token; the higher, the more is left to chance
    chat         the prompt is a question to be answered; False: a text to be continued
    Raises InputError for a file's faults, a text too long for the model, a temperature below 0.
    """
    if temperature < 0:
        raise InputError(f"temperature is {temperature}: it has to be 0 or more")
    model = model if isinstance(model, Decoder) else read(model)
    before = question(model, prompt) if chat else model.words.encode(prompt)
    longest = len(before) + tokens
    if not before or longest > model.sizes["longest"]:
        most = model.sizes["longest"]
        raise InputError(f"{len(before)} tokens in the prompt, {tokens} more: 1 to {most} in all")
    return model.words.decode(written(model, before, longest, temperature, seed))


def generate(prompt, model, tokens=100, temperature=0.2, seed=0, chat=True):
    """The text that `stream` yields, whole."""
    return "".join(stream(prompt, model, tokens, temperature, seed, chat))


def written(model, before, longest, temperature, seed):
    """The numbers of the tokens that follow, each drawn from the logits after all before it."""
    rng = np.random.default_rng(seed)
    memory = empty_memory(model, longest)
    start, new = 0, before
    while start + len(new) < longest:
        logits, _ = forward(model, new, memory, start)
        start += len(new)
        if np.isnan(logits[-1]).any():
            raise InputError("the model's logits are no numbers; take another copy of its file")
        new = [draw(logits[-1], temperature, rng)]  # (D11)
        if new[0] == model.end:
            return
        yield new[0]


def draw(logits, temperature, rng):
    if temperature == 0:
        return int(logits.argmax())
    return int(rng.choice(len(logits), p=softmax(logits.astype(float) / temperature)))  # (D11)


def question(model, prompt):
    """The tokens of a conversation that is the assistant's turn (ChatML)."""
    encode, special = model.words.encode, model.words.number
    if "<|im_start|>" not in special or "<|im_end|>" not in special:
        raise InputError("the model was not taught to answer; chat=False continues a text")
    begin, end = special["<|im_start|>"], special["<|im_end|>"]
    tokens = []
    for who, text in (("system", SYSTEM), ("user", prompt)):
        tokens += [begin, *encode(f"{who}\n{text}"), end, *encode("\n")]
    return [*tokens, begin, *encode("assistant\n")]
