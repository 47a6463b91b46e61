"""The fewest events that carry a recommendation; what the ranking loses when a thing is lost."""

from itertools import combinations

import numpy as np
import pytest

from tinyrec import InputError, Recommender, explain
from tinyrec.explain import remove

from .conftest import SMALL, chains

MIXED = ["i20", "i24", "i11", "i15", "i05", "i06"]


def falls_out(model, history, gone, item, k):
    past = model.past(history=[h for at, h in enumerate(history) if at not in gone])
    z = model.logits(past)
    seen = model.catalogue.numbers(history)
    z[seen] = -np.inf
    return (z > z[model.catalogue.numbers([item])[0]]).sum() >= k


@pytest.mark.parametrize("search", ["greedy", "exhaustive"])
def test_without_the_events_found_the_item_is_not_recommended(fitted, search):
    found = explain.counterfactual(fitted, "i07", history=MIXED, k=6, search=search)
    assert falls_out(fitted, MIXED, found, "i07", 6)


def test_the_exhaustive_search_finds_the_fewest(fitted):
    found = explain.counterfactual(fitted, "i07", history=MIXED, k=6, search="exhaustive")
    fewer = [gone for size in range(len(found)) for gone in combinations(range(6), size)]
    assert not any(falls_out(fitted, MIXED, gone, "i07", 6) for gone in fewer)
    greedy = explain.counterfactual(fitted, "i07", history=MIXED, k=6)
    assert len(greedy) >= len(found)


def test_none_where_no_events_can_be_spared(fitted, history):
    assert explain.counterfactual(fitted, "i07", history=history, k=30) is None
    assert explain.counterfactual(fitted, "i07", history=["i06"], k=3) is None


def test_what_is_not_recommended_or_too_long_is_refused(fitted, history):
    with pytest.raises(InputError, match="not among the 2 items"):
        explain.counterfactual(fitted, "i15", history=history, k=2)
    with pytest.raises(InputError, match="13 events are too many"):
        explain.counterfactual(fitted, "i13", history=[f"i{n:02}" for n in range(13)],
                               search="exhaustive")  # fmt: skip


def test_importance_begins_with_the_quality_that_evaluate_finds(fitted):
    assert explain.importance(fitted)["nothing"] == fitted.evaluate()["ndcg@10"]


def test_where_items_decide_shuffling_them_costs_much_and_shuffling_kinds_nothing(fitted):
    found = explain.importance(fitted)
    whole = found.pop("nothing")
    assert found["kinds of event"] > 0.9 * whole
    assert found["the event just seen"] < 0.9 * whole
    assert found["all events before it"] < 0.9 * whole


def test_each_number_has_a_row_and_content_where_there_is_any(fitted):
    found = explain.importance(fitted)
    assert "price" in found and "content of items" not in found
    vectors = dict(zip(fitted.catalogue.items, np.eye(30), strict=True))
    told = Recommender(**SMALL).fit(chains(), content=vectors)
    found = explain.importance(told)
    assert found["content of items"] < 0.9 * found["nothing"] == 0.9 * told.evaluate()["ndcg@10"]


def test_the_columns_of_a_number_are_its_value_and_its_gaps():
    scales = {"since": [0, 1, False], "rating": [0, 1, True], "price": [0, 1, False]}
    found = remove.columns_of(scales)
    numbers = np.arange(4)
    assert [numbers[found[name]].tolist() for name in scales] == [[0], [1, 2], [3]]
