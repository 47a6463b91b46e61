"""A model in less memory recommends nearly what the whole one does, and is a model like it."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender, read_events
from tinyrec.datasets import shop
from tinyrec.explain import parts
from tinyrec.live import Session, compress
from tinyrec.model.table import Table
from tinyrec.results import metrics


@pytest.fixture(scope="module")
def model():
    events = read_events(shop.FOLDER / "shop.csv")
    model = Recommender(epochs=3, dim=32, hidden=16, lr=1e-2, dropout=0.2, threads=1)
    return model.fit(events)


def quality(model):
    """NDCG@10 of 2,000 users' last four events, so that none of them is a thousandth."""
    start, stop = model.split.test.T
    spans = [np.stack([start, stop - back], axis=1)[stop - back > start] for back in range(4)]
    return metrics.quality(model.score, model.log, np.concatenate(spans))["ndcg@10"]


@pytest.fixture(scope="module")
def whole(model):
    return quality(model)


@pytest.mark.parametrize("how, share", [("int8", 0.98), ("float16", 0.999), ("low-rank", 0.8)])
def test_a_smaller_item_table_keeps_its_share_of_the_quality(model, whole, how, share):
    assert quality(compress.compressed(model, how)) >= share * whole


def test_int8_takes_a_byte_a_number_and_a_scale_a_row(model):
    E = compress.compressed(model, "int8").params["E"]
    assert E.nbytes == E.shape[0] * (E.shape[1] + 4)
    step = np.abs(model.params["E"]).max(axis=1, keepdims=True) / 127
    assert (np.abs(np.asarray(E) - model.params["E"]) <= 0.501 * step).all()


@pytest.mark.parametrize("how", compress.WAYS)
def test_it_saves_and_loads_and_answers_everywhere_as_before(model, how, tmp_path):
    smaller = compress.compressed(model, how)
    smaller.save(tmp_path / "small.npz")
    again = Recommender.load(tmp_path / "small.npz")
    user = model.catalogue.users[0]
    items, probabilities = smaller.recommend(user=user)
    assert list(again.recommend(user=user)[0]) == list(items)
    assert again.evaluate() == smaller.evaluate()
    assert again.predict_proba(user, items) == pytest.approx(probabilities)
    assert Session(again, user=user).recommend()[1] == pytest.approx(probabilities, abs=1e-5)
    assert len(parts(again, user=user).items) == 5


@pytest.mark.parametrize("how", ["int8", "float16", "low-rank"])
def test_the_file_is_smaller_by_what_the_table_is(model, how, tmp_path):
    sizes = []
    for number, each in enumerate((model, compress.compressed(model, how))):
        each.save(tmp_path / f"{number}.npz")
        sizes.append((tmp_path / f"{number}.npz").stat().st_size)
    saved = compress.nbytes(model.params) - compress.nbytes(compress.compressed(model, how).params)
    assert sizes[0] - sizes[1] == pytest.approx(saved, abs=1000)


def test_a_table_of_any_parts_multiplies_as_what_it_stands_for():
    rng = np.random.default_rng(0)
    codes = rng.integers(-9, 9, (5000, 3)).astype(np.int8)
    scale = 2.0 ** rng.integers(-3, 3, (5000, 1), np.int32).astype(np.float32)
    basis = rng.integers(-5, 5, (3, 4)).astype(np.float32)  # so that no product is rounded
    table = Table(codes, scale, basis)
    whole = codes * scale @ basis
    assert np.asarray(table) == pytest.approx(whole)
    u = rng.random((2, 4), np.float32)
    assert u @ table.T == pytest.approx(u @ whole.T, rel=1e-4, abs=1e-4)
    assert table[7] == pytest.approx(whole[7])


def test_units_that_repeat_another_go_first_and_change_nothing():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(500, 4))
    h = np.concatenate([h, h[:, :2] * 2], axis=1)  # units 4 and 5 say what 0 and 1 do
    kept = compress.units_to_keep(h.T @ h / 500 + 1e-9 * np.eye(6), np.ones(6), 4)
    assert {0, 4} & set(kept) and {1, 5} & set(kept) and {2, 3} <= set(kept)


def test_dropping_no_unit_changes_no_answer(model):
    model_with_all = compress.compressed(model, "float16")
    model_with_all.params = model.params | compress.fewer_units(model, share=1)
    history = model.catalogue.items[:6]
    theirs, ours = (each.recommend(history=history) for each in (model, model_with_all))
    assert theirs[1] == pytest.approx(ours[1], rel=1e-3)


def test_a_quarter_fewer_units_cost_little(model):
    smaller = compress.compressed(model, "fewer-units")
    assert smaller.params["U"].shape == (12, 48)
    assert smaller.evaluate()["ndcg@10"] >= 0.85 * model.evaluate()["ndcg@10"]


def test_another_way_is_refused_by_name(model):
    with pytest.raises(InputError, match="int8"):
        compress.compressed(model, "zip")
