"""WordPiece: the tokens of Hugging Face's own tokenizer, from either kind of file."""

import json
from pathlib import Path

import pytest
import tiny_models

from tinyrec import InputError
from tinyrec.content import tokenizer

pytest.importorskip("safetensors", reason="safetensors is not installed")
REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text("utf-8"))


def write_tokenizer_json(folder, kind="WordPiece", **normalizer):
    vocabulary = {piece: number for number, piece in enumerate(tiny_models.PIECES)}
    content = {"model": {"type": kind, "vocab": vocabulary}, "normalizer": normalizer}
    (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize("name", ["bert", "cased"])
def test_tokens_are_those_of_hugging_faces_tokenizer(tmp_path, name):
    read = tokenizer.read(tiny_models.write_bert(tmp_path, lower_case=name == "bert"))
    wanted = REFERENCE[name]
    assert [read.numbers(text, limit=16) for text in wanted["texts"]] == wanted["tokens"]


@pytest.mark.parametrize("lower", [True, False])
def test_tokenizer_json_says_the_same_as_vocab_txt(tmp_path, lower):
    from_text = tokenizer.read(tiny_models.write_bert(tmp_path, lower_case=lower))
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "vocab.txt").unlink()
    write_tokenizer_json(tmp_path, lowercase=lower, strip_accents=None, handle_chinese_chars=True)
    assert tokenizer.read(tmp_path) == from_text


def test_accents_can_stay_in_lower_case_and_chinese_can_stay_together(tmp_path):
    tiny_models.write_bert(tmp_path)
    rules = {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(rules), "utf-8")
    assert tokenizer.read(tmp_path).words("CAFÉ 手机") == ["café", "手机"]


def test_the_end_of_a_long_text_is_cut_off_and_sep_stays(tmp_path):
    read = tokenizer.read(tiny_models.write_bert(tmp_path))
    numbers = read.numbers("the red chair " * 10, limit=7)
    assert numbers == [2, 5, 6, 9, 5, 6, 3]


def test_the_name_of_a_special_token_in_a_text_is_only_text(tmp_path):
    read = tokenizer.read(tiny_models.write_bert(tmp_path))
    assert read.words("a [SEP] b") == ["a", "[", "sep", "]", "b"]
    assert read.numbers("a [SEP] b", limit=16).count(tiny_models.PIECES.index("[SEP]")) == 1


def faults():
    def unigram(folder):
        write_tokenizer_json(folder, kind="Unigram")

    def not_json(folder):
        (folder / "tokenizer.json").write_text("{", "utf-8")

    def a_list(folder):
        (folder / "tokenizer_config.json").write_text("[]", "utf-8")

    def none(folder):
        (folder / "vocab.txt").unlink()

    def bytes_only(folder):
        (folder / "vocab.txt").write_bytes(b"\xff\xfe")

    def no_unknown(folder):
        pieces = [piece for piece in tiny_models.PIECES if piece != "[UNK]"]
        (folder / "vocab.txt").write_text("\n".join(pieces), "utf-8")

    return {
        unigram: "tokenizer.json: a vocabulary of type Unigram",
        not_json: "tokenizer.json: not JSON",
        a_list: "tokenizer_config.json: not a JSON object",
        none: "vocab.txt: no such file",
        bytes_only: "vocab.txt: not text in UTF-8",
        no_unknown: "lacks [UNK]",
    }


@pytest.mark.parametrize(
    ("fault", "message"), faults().items(), ids=[fault.__name__ for fault in faults()]
)
def test_what_is_wrong_with_a_vocabulary_is_said(tmp_path, fault, message):
    tiny_models.write_bert(tmp_path)
    fault(tmp_path)
    with pytest.raises(InputError) as error:
        tokenizer.read(tmp_path)
    assert message in str(error.value) and str(tmp_path) in str(error.value)
