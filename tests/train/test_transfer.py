"""A training that begins with another model's parameters."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender
from tinyrec.preprocess.events import clean
from tinyrec.train import transfer

SMALL = {"dim": 8, "hidden": 8, "negatives": 8, "batch": 16, "lr": 1e-2, "dropout": 0.0}
SMALL |= {"layers": "readable", "threads": 1}


def cycling(users, first=0, items=24, length=8, prefix=""):
    """Everyone walks 0, 1, 2, … around a circle of items, from a place of their own."""
    rows = {"user": [], "item": []}
    for user in range(first, first + users):
        rows["user"] += [f"u{user}"] * length
        rows["item"] += [f"{prefix}{(user * 7 + step) % items:03}" for step in range(length)]
    return clean(rows)


@pytest.fixture(scope="module")
def large():
    return Recommender(**SMALL, epochs=40).fit(cycling(96))


def test_few_events_are_enough_where_another_model_has_learnt_before(large):
    few = cycling(users=12, first=100)
    alone = Recommender(**SMALL, epochs=3).fit(few)
    begun = Recommender(**SMALL, epochs=3).fit(few, start=large)
    assert begun.evaluate()["ndcg@10"] > 0.9
    assert alone.evaluate()["ndcg@10"] < 0.7


def test_items_keep_their_vectors_by_id_and_new_ones_begin_fresh(large):
    more = cycling(users=50, first=3, items=27)
    params = Recommender(**SMALL, epochs=1)
    params.fit(more, start=large, frozen=("E", "bias", "A", "U"))
    for item in ("003", "007"):
        ours, theirs = (m.params["E"][m.catalogue.item_number[item]] for m in (params, large))
        assert np.array_equal(ours, theirs)
    new = params.params["E"][params.catalogue.item_number["026"]]
    assert 0 < np.abs(new).max() < 0.3
    assert np.array_equal(params.params["U"], large.params["U"])
    assert not np.array_equal(params.params["W"], large.params["W"])


def test_what_is_frozen_stays_and_the_rest_learns():
    model = Recommender(**SMALL, epochs=2).fit(cycling(20), frozen=("W", "b"))
    assert not model.params["b"].any()
    assert model.params["bu"].any()


def test_widths_are_the_other_models_where_none_are_given(large):
    settings = {name: value for name, value in SMALL.items() if name not in ("dim", "hidden")}
    model = Recommender(**settings, epochs=1).fit(cycling(20), start=large)
    assert model.params["W"].shape == large.params["W"].shape


@pytest.mark.parametrize("given, events, frozen, words", [
    ({"hidden": 9}, {}, (), "--hidden"),
    ({}, {"prefix": "x"}, (), "none of the items"),
    ({}, {}, ("Q",), "no parameter 'Q' to freeze"),
])  # fmt: skip
def test_what_does_not_fit_is_said(large, given, events, frozen, words):
    with pytest.raises(InputError, match=words):
        model = Recommender(**SMALL | given, epochs=1)
        model.fit(cycling(20, **events), start=large, frozen=frozen)


def test_ids_are_matched_wherever_they_stand():
    ours, theirs = transfer.matching(["b", "x", "a"], ["a", "b"])
    assert (ours.tolist(), theirs.tolist()) == ([0, 2], [1, 0])
