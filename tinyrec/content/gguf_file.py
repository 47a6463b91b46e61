"""A GGUF file (llama.cpp's): the weights of a Llama and its tokens, in one file.

    GGUF --the gguf library--> entries and tensors --shapes checked--> Decoder

Letters as in decoder.py, and K = G·d. GGUF counts a matrix's numbers in (here rows) first.
"""

from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .bytepair import BytePair
from .packed import Packed

LAYER = {  # of one layer: ours: GGUF's name, shape
    "norm1": ("attn_norm", "D"), "Wq": ("attn_q", "D D"), "Wk": ("attn_k", "D K"),
    "Wv": ("attn_v", "D K"), "Wo": ("attn_output", "D D"),
    "norm2": ("ffn_norm", "D"), "gate": ("ffn_gate", "D M"), "up": ("ffn_up", "D M"),
    "down": ("ffn_down", "M D"),
}  # fmt: skip
SIZES = {
    "layers": "block_count", "D": "embedding_length", "M": "feed_forward_length",
    "A": "attention.head_count", "G": "attention.head_count_kv", "longest": "context_length",
}  # fmt: skip


class Decoder(NamedTuple):
    E: Packed | np.ndarray  # (D, V): columns are the tokens' vectors
    layers: list[dict]  # LAYER, one dict a layer
    norm: np.ndarray  # (D,), before the logits
    out: Packed | np.ndarray  # (D, V): E once more, where the file has no other
    sizes: dict[str, int]
    theta: float  # of rotate
    epsilon: float  # of rms_norm
    words: BytePair
    end: int  # the token that ends an answer


def read(path):
    """The Decoder of a GGUF file: a Llama's weights, any of GGUF's types, and SmolLM's tokens.

    Raises InputError, which names file, entry or tensor, for whatever is not that.
    """
    fields, tensors = read_gguf(path)
    architecture = fields.get("general.architecture")
    words = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre")
    if architecture != "llama" or words != ("gpt2", "smollm"):
        found = f"{architecture} with tokens of {words[0]}, {words[1]}"
        raise InputError(f"{path}: a model of kind {found}; only llama with gpt2, smollm is read")
    sizes = {name: entry(path, fields, f"llama.{key}", int) for name, key in SIZES.items()}
    tokens = entry(path, fields, "tokenizer.ggml.tokens", list)
    sizes["V"] = len(tokens)
    d = sizes["D"] // sizes["A"]
    sizes["K"] = sizes["G"] * d
    equal = sizes["D"] % sizes["A"] == sizes["A"] % sizes["G"] == 0
    plain = fields.get("llama.rope.scaling.type", "none") == "none"
    if not equal or not plain or fields.get("llama.rope.dimension_count", d) != d:
        raise InputError(f"{path}: heads of unequal size, or positions that are not plain")

    def take(name, letters):
        """The tensor: float32 if it is (D,), and matrices as (in, out)."""
        shape = [sizes[letter] for letter in letters.split()]
        if name not in tensors:
            raise InputError(f"{path}: no tensor {name}; take a Llama's file")
        tensor = tensors.pop(name)
        found = tensor.shape.tolist()
        if found != shape:
            raise InputError(f"{path}: {name} is {found}, and {shape} by the file's own sizes")
        return unpack(path, tensor)

    E, norm = take("token_embd.weight", "D V"), take("output_norm.weight", "D")
    out = take("output.weight", "D V") if "output.weight" in tensors else E
    layers = [
        {ours: take(f"blk.{n}.{name}.weight", letters) for ours, (name, letters) in LAYER.items()}
        for n in range(sizes["layers"])
    ]
    if tensors:
        raise InputError(f"{path}: tensor {min(tensors)} is none of a plain Llama's")
    theta = fields.get("llama.rope.freq_base", 10000.0)
    epsilon = entry(path, fields, "llama.attention.layer_norm_rms_epsilon", float)
    merges = [tuple(m.split(" ")) for m in entry(path, fields, "tokenizer.ggml.merges", list)]
    rank = {pair: order for order, pair in enumerate(merges)}
    words = BytePair(tokens, {token: n for n, token in enumerate(tokens)}, rank)
    end = entry(path, fields, "tokenizer.ggml.eos_token_id", int)
    return Decoder(E, layers, norm, out, sizes, theta, epsilon, words, end)


def read_gguf(path):
    """({name: value}, {name: tensor}) of the file."""
    try:
        import gguf
    except ImportError:
        raise InputError("a GGUF file needs gguf; pip install 'tinyrec[llm]'") from None
    try:
        file = gguf.GGUFReader(path)
        fields = {name: field.contents() for name, field in file.fields.items()}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the name") from None
    except (ValueError, KeyError, IndexError):
        raise InputError(f"{path}: not a whole GGUF file; copy it once more") from None
    return fields, {tensor.name: tensor for tensor in file.tensors}


def entry(path, fields, name, kind):
    """The file's entry of that name, which has to be there and of that kind."""
    if not isinstance(fields.get(name), kind):
        raise InputError(f"{path}: entry {name} is {fields.get(name)!r}, not {kind.__name__}")
    return fields[name]


def unpack(path, tensor):
    """Blocks of four or eight bits stay as they are; all other types become float32."""
    kind = tensor.tensor_type.name
    if kind == "Q4_1":
        return q4_1(tensor.data)
    if kind == "Q8_0":
        return q8_0(tensor.data)
    from gguf.quants import dequantize

    try:
        return np.asarray(dequantize(tensor.data, tensor.tensor_type)).T
    except NotImplementedError:
        raise InputError(f"{path}: {tensor.name} is of type {kind}, which is not read") from None


def q4_1(data):
    """Packed from rows (R, bytes) of GGUF's Q4_1: two halves, then 32 numbers of four bits."""
    blocks = data.reshape(len(data), -1, 20)
    bits = np.concatenate([blocks[..., 4:] & 15, blocks[..., 4:] >> 4], axis=-1)
    return packed(bits.view(np.int8), halves(blocks[..., :2]), halves(blocks[..., 2:4]))


def q8_0(data):
    """Packed from rows (R, bytes) of GGUF's Q8_0: a half, then 32 numbers of eight bits."""
    blocks = data.reshape(len(data), -1, 34)
    scale = halves(blocks[..., :2])
    return packed(blocks[..., 2:].view(np.int8), scale, np.zeros_like(scale))


def halves(two_bytes):
    """(R, C/32, 2) bytes as (R, C/32) numbers."""
    return np.ascontiguousarray(two_bytes).view(np.float16)[..., 0].astype(np.float32)


def packed(q, scale, low):
    q = q.reshape(len(q), -1)
    return Packed(*(np.ascontiguousarray(a.T) for a in (q, scale, low)))
