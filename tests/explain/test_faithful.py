"""The tests of explanations tell good ones from bad ones."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender, read_events
from tinyrec.datasets import shop
from tinyrec.explain import events, faithful

from .conftest import SMALL, chains


@pytest.fixture(scope="module")
def found(fitted):
    return faithful.test(fitted, users=40)


def test_occlusion_and_gradients_beat_random_in_deletion_and_insertion(found):
    for method in ("occlusion", "gradients"):
        assert found[method]["DEL@5"] < 0.8 * found["random"]["DEL@5"]
        assert found[method]["INS@5"] > 1.2 * found["random"]["INS@5"]


def test_what_never_looks_at_the_model_is_unmoved_by_shuffled_numbers(found):
    assert found["recency"]["shuffled"] == pytest.approx(1)
    assert found["random"]["shuffled"] == pytest.approx(1)
    assert abs(found["occlusion"]["shuffled"]) < 0.4


def test_an_explanation_turned_round_fails(fitted, monkeypatch):
    def upside_down(*given):
        return -events.occlusion(*given)

    monkeypatch.setitem(events.METHODS, "upside down", upside_down)
    found = faithful.test(fitted, ("occlusion", "upside down"), users=40)
    assert found["upside down"]["DEL@5"] > 2 * found["occlusion"]["DEL@5"]
    assert found["upside down"]["signs"] > 0.8 > 0.2 > found["occlusion"]["signs"]


def test_only_events_that_are_said_to_help_are_taken_away(fitted, history):
    past = fitted.past(history=history)
    nothing = faithful.one_user(fitted, past, 7, np.full(6, -1.0))
    assert nothing[0] == pytest.approx(1)


def test_a_log_of_short_histories_is_refused_with_a_word():
    model = Recommender(**SMALL | {"epochs": 1}).fit(chains(steps=5))
    with pytest.raises(InputError, match="users with 8 events or more"):
        faithful.test(model)


def test_the_shops_causes_are_those_of_its_generator():
    model = Recommender(epochs=1, dim=2, hidden=2, negatives=2, layers="readable")
    model.fit(read_events(shop.FOLDER / "shop.csv"))
    log, spans = model.targets()
    found = faithful.causes_of(model, log, spans)
    category = shop.generate().items.category
    number = {raw: at for at, raw in enumerate(shop.product_ids(len(category)))}
    kind = np.array([category[number[raw]] for raw in model.catalogue.items])
    cases, stand_ins = [case for case, _ in found], 0
    assert cases.count("session") > 700 and cases.count("habit") > 50
    for (case, causes), (start, stop) in zip(found, spans, strict=True):
        if case == "habit":  # the target is of the category that those sessions began with
            assert (kind[log.items[start + causes]] == kind[log.items[stop]]).all()
        if case == "session":
            assert causes == [stop - start - 1]
            two = kind[log.items[stop - 2 : stop]] if stop - start > 1 else [0, 1]
            stand_ins += two[0] == two[1]
    assert stand_ins < 0.05 * cases.count("session")  # of an earlier session alone


@pytest.mark.slow
def test_on_the_shop_the_planted_cause_comes_first_far_more_often_than_attention_says():
    model = Recommender(seed=0).fit(read_events(shop.FOLDER / "shop.csv"))
    found = faithful.planted(model, ("occlusion", "gradients", "attention"), users=60)
    by_attention = found["attention"]["session"]
    assert by_attention < 0.5
    assert found["occlusion"]["session"] > by_attention + 0.25
    assert found["gradients"]["session"] > by_attention + 0.25
