"""Texts to half-whitened vectors, with and without weights, and vectors in files."""

import numpy as np
import pytest
import tiny_models

from tinyrec import InputError, content
from tinyrec.content import tfidf, vectors

WORDS = "red blue white black green classic rugged small large soft light summer"
ADJECTIVES = WORDS.split()
THINGS = ["chair", "desk lamp", "handset", "notebook PC", "cushion", "case", "table", "cable"]
TITLES = [f"{adjective} {thing}" for adjective in ADJECTIVES for thing in THINGS]


def cosines(v):
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    return v @ v.T


def test_vectors_are_centred_few_and_of_mean_squared_length_one():
    raw = content.encode(TITLES)
    v = vectors.half_whiten(raw, raw)
    assert v.dtype == np.float32 and v.shape[0] == len(TITLES) and 8 < v.shape[1] <= 64
    assert np.allclose(v.mean(axis=0), 0, atol=1e-5)
    assert np.isclose((v**2).sum(axis=1).mean(), 1, atol=1e-5)


def test_directions_are_uncorrelated_and_singular_values_have_the_power_one_half():
    X = np.random.default_rng(0).normal(size=(50, 5)) * [9, 5, 3, 2, 1] + 7
    v = vectors.half_whiten(X, X).astype(float)
    S = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    gram = v.T @ v
    assert np.allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-4)
    assert np.allclose(np.diag(gram) / gram[0, 0], S / S[0], atol=1e-5)


def test_no_more_than_64_directions_are_kept_and_none_that_carries_nothing():
    X = np.random.default_rng(0).normal(size=(200, 80))
    assert vectors.half_whiten(X, X).shape == (200, 64)
    flat = np.hstack([X[:, :3], X[:, :3] @ np.ones((3, 2))])
    assert vectors.half_whiten(flat, flat).shape == (200, 3)


def test_signs_do_not_depend_on_those_that_the_library_happens_to_take(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 5))
    wanted = vectors.half_whiten(X, X)
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda a: (eigh(a)[0], -eigh(a)[1]))
    assert np.array_equal(vectors.half_whiten(X, X), wanted)


def nearness(new, titles):
    """{title: its cosine to the new one}, the new one encoded among the titles."""
    known, v = content.encode(titles), content.encode([new], among=titles)
    return dict(zip(titles, cosines(np.concatenate([known, v]))[-1], strict=False))


def test_titles_that_share_words_or_parts_of_them_are_near_each_other():
    near = nearness("red chairs", TITLES)
    assert max(near, key=near.get) == "red chair"
    assert near["blue chair"] > near["blue handset"] + 0.2


def test_chinese_titles_without_blanks_are_compared_by_their_parts():
    colours = ["红色", "蓝色", "白色", "黑色", "绿色", "黄色", "紫色", "粉色", "金色", "银色"]
    things = ["手机壳", "台灯", "办公椅", "笔记本", "键盘", "数据线", "充电器", "书桌"]
    near = nearness("红色手机套", [colour + thing for colour in colours for thing in things])
    assert max(near, key=near.get) == "红色手机壳"
    assert near["蓝色手机壳"] > near["蓝色台灯"] + 0.1


@pytest.mark.parametrize("encoder", ["tfidf", "bert"])
def test_a_new_title_encoded_among_the_old_ones_stands_where_it_would(tmp_path, encoder):
    if encoder == "bert":
        pytest.importorskip("safetensors", reason="safetensors is not installed")
        encoder = tiny_models.write_bert(tmp_path)
    whole = content.encode(TITLES, encoder)
    some = content.encode(TITLES[3:5], encoder, among=TITLES)
    assert np.allclose(some, whole[3:5], atol=1e-4)
    assert content.encode(["red chairs", ""], encoder, among=TITLES).shape == (2, whole.shape[1])


def test_a_title_of_which_nothing_is_known_stays_finite():
    assert np.isfinite(content.encode([*TITLES, "", "!!"])).all()


def test_the_directions_of_tfidf_are_the_first_singular_vectors(monkeypatch):
    monkeypatch.setattr(tfidf, "RANK", 6)
    monkeypatch.setattr(tfidf, "ROUNDS", 60)
    dense = np.random.default_rng(0).normal(size=(30, 20)) * (0.8 ** np.arange(20))
    row, column = np.nonzero(dense)
    A = tfidf.Sparse(row, column, dense[row, column], dense.shape)
    V = tfidf.main_directions(A)
    _, S, Vt = np.linalg.svd(dense)
    assert np.allclose(np.abs(np.diag(V.T @ Vt[:6].T)), 1, atol=1e-6)
    assert np.allclose(np.linalg.norm(tfidf.product(A, V), axis=0), S[:6])


def test_a_rare_word_weighs_more_and_rows_have_length_one():
    counts = [tfidf.features(text) for text in ("red chair", "red lamp", "red table")]
    number = {feature: n for n, feature in enumerate(set().union(*counts))}
    A = tfidf.weigh(counts, number, np.ones(len(number)))
    assert np.allclose(np.bincount(A.row, A.value**2), 1)
    idf = np.where([feature == "<red>" for feature in number], 0.5, 1.0)
    weighed = tfidf.weigh(counts, number, idf)
    red = weighed.column == number["<red>"]
    assert (weighed.value[red] < A.value[red]).all()


WRONG_TEXTS = [
    (["red", None], "text 1 is None"), (["red", float("nan")], "text 1 is nan"),
    ("red", "'red' is one text"), (["", "!"], "no text has a letter"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "message"), WRONG_TEXTS, ids=lambda value: str(value)[:30])
def test_what_is_wrong_with_texts_is_said(texts, message):
    with pytest.raises(InputError, match=message):
        content.encode(texts)


def test_vectors_in_a_file_are_read(tmp_path):
    ids, v = ["007", "7", "手机"], np.arange(6.0).reshape(3, 2)
    np.savez_compressed(tmp_path / "v.npz", ids=ids, vectors=v)
    read_ids, read_v = vectors.read_vectors(tmp_path / "v.npz")
    assert read_ids == ids
    assert read_v.dtype == np.float32 and np.array_equal(read_v, v)


IDS, V = np.array(["a", "b"]), np.ones((2, 3))
WRONG_FILES = [
    ({"ids": IDS}, "no array vectors"), ({"vectors": V}, "no array ids"),
    ({"ids": np.arange(2), "vectors": V}, "ids are int64"),
    ({"ids": np.array(["a", 1], object), "vectors": V}, "not an .npz of text ids"),
    ({"ids": IDS, "vectors": V[:1]}, r"\(1, 3\); they have to be numbers \(2, F\)"),
    ({"ids": IDS, "vectors": V[0]}, "they have to be numbers"),
    ({"ids": IDS, "vectors": V.astype(str)}, "they have to be numbers"),
    ({"ids": IDS[[0, 0]], "vectors": V}, "id 'a' is there more than once"),
    ({"ids": IDS, "vectors": V * [[1], [np.inf]]}, "the vector of 'b' is not finite"),
    ({"ids": IDS, "vectors": V * [[1], [np.nan]]}, "the vector of 'b' is not finite"),
    ({"ids": IDS, "vectors": V * [[1e300], [1]]}, "the vector of 'a' is not finite"),
]  # fmt: skip


@pytest.mark.parametrize(("arrays", "message"), WRONG_FILES, ids=[m for _, m in WRONG_FILES])
def test_what_is_wrong_with_a_file_of_vectors_is_said(tmp_path, arrays, message):
    path = tmp_path / "v.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=message) as error:
        vectors.read_vectors(path)
    assert str(path) in str(error.value)


def test_what_a_bert_made_is_kept_until_a_text_or_a_weight_is_another(tmp_path, monkeypatch):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    folder = tiny_models.write_bert(tmp_path / "bert")
    texts = {"a": "the red chair", "b": "café"}
    ids, first = vectors.of_items(texts, folder, tmp_path)
    monkeypatch.setattr(vectors, "encode", None)  # not asked again
    again = vectors.of_items(texts, folder, tmp_path)
    assert again[0] == ids == ["a", "b"] and np.array_equal(again[1], first)
    with pytest.raises(TypeError):
        vectors.of_items(texts | {"b": "chair"}, folder, tmp_path)
    with open(folder / "model.safetensors", "ab") as file:
        file.write(b"0")
    with pytest.raises(TypeError):
        vectors.of_items(texts, folder, tmp_path)


def test_an_item_whose_text_is_empty_is_not_taken_for_one_that_says_something():
    assert vectors.of_items({"a": "red hat", "b": "", "c": "blue hat"}, "tfidf")[0] == ["a", "c"]


def test_where_nothing_can_be_kept_and_where_it_is_broken_it_is_encoded_anew(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    folder, texts = tiny_models.write_bert(tmp_path / "bert"), {"a": "the red chair", "b": "café"}
    _, wanted = vectors.of_items(texts, folder, tmp_path / "no such folder")
    vectors.of_items(texts, folder, tmp_path)
    (kept,) = tmp_path.glob("content-*.npz")
    kept.write_bytes(kept.read_bytes()[:99])
    assert np.array_equal(vectors.of_items(texts, folder, tmp_path)[1], wanted)
    assert np.array_equal(vectors.store.read(kept, vectors.MADE_BY)[1]["vectors"], wanted)


def test_a_file_that_is_no_npz_or_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        vectors.read_vectors(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("ids,vectors")
    np.save(tmp_path / "one.npy", V)
    for name in ("text.npz", "one.npy"):
        with pytest.raises(InputError, match=f"{name}: not an .npz"):
            vectors.read_vectors(tmp_path / name)
