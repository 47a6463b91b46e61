"""Heads that answer other questions, on a model that stays as it is."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender
from tinyrec.live import tasks
from tinyrec.preprocess.events import clean


@pytest.fixture(scope="module")
def events():
    """Two sorts of users walk the same circle, one forwards, one backwards. The one buys on the
    first half of it, the other on the second; what is bought gets a 5, what is viewed a 2.
    """
    rows = {"user": [], "item": [], "event": [], "timestamp": [], "rating": []}
    starts = np.random.default_rng(0).integers(0, 20, 160)
    for user, start in enumerate(starts):
        sort = user % 2
        for step in range(12):
            item = (start + (step if sort else -step)) % 20
            buys = (item < 10) == sort
            rows["user"].append(f"u{user}")
            rows["item"].append(f"i{item}")
            rows["event"].append("buy" if buys else "view")
            rows["timestamp"].append(f"{1000 + step}")
            rows["rating"].append("5" if buys else "2")
    return clean(rows)


@pytest.fixture(scope="module")
def model(events):
    return Recommender(dim=16, hidden=16, negatives=8, batch=16, epochs=16, lr=1e-2, dropout=0.0,
                       layers="readable", seed=1).fit(events)  # fmt: skip


@pytest.fixture(scope="module")
def learnt(model, events):
    return tasks.learn(model, events, epochs=15, lr=1e-2)


def test_purchases_and_ratings_are_told_better_than_by_clicks_and_means(learnt, events):
    found = tasks.evaluate(learnt, events)
    assert found["bought auc"] > 0.9 > found["bought auc of z"] + 0.2
    others = [value for name, value in found.items() if name.startswith("rating rmse of")]
    assert found["rating rmse"] < 0.7 * min(others) and len(others) == 3


def test_most_users_next_items_are_answered_as_the_user_goes_on(learnt):
    ids, right = learnt.catalogue, []
    for number, user in enumerate(ids.users):
        last = int(ids.items[learnt.log.items[learnt.log.starts[number + 1] - 1]][1:])
        sort = number % 2
        item = (last + (1 if sort else -1)) % 20
        buys = (item < 10) == sort
        (chance,) = tasks.predict(learnt, "bought", [f"i{item}"], user=user)
        (rating,) = tasks.predict(learnt, "rating", [f"i{item}"], user=user)
        right.append(((chance > 0.5) == buys, (rating > 3.5) == buys))
    assert np.mean(right, axis=0).min() > 0.85


def test_what_is_recommended_does_not_change_at_all(model, learnt):
    theirs, ours = (each.recommend(user="u3") for each in (model, learnt))
    assert list(theirs[0]) == list(ours[0]) and np.array_equal(theirs[1], ours[1])
    assert not any(name.startswith("W ") for name in model.params)


def test_losses_are_told_apart_and_fall(learnt):
    assert set(learnt.tasks_) == {"bought", "rating"}
    for losses in learnt.tasks_.values():
        assert losses[-1][0] < losses[0][0]


def test_heads_are_kept_with_the_model(learnt, tmp_path):
    learnt.save(tmp_path / "m.npz")
    again = Recommender.load(tmp_path / "m.npz")
    asked = tasks.predict(learnt, "rating", ["i1", "i2"], user="u3")
    assert np.array_equal(tasks.predict(again, "rating", ["i1", "i2"], user="u3"), asked)


def test_what_was_not_learnt_and_another_log_are_said(model, learnt, events):
    with pytest.raises(InputError, match="has learnt bought, rating"):
        tasks.predict(learnt, "returned", ["i1"], user="u3")
    other = clean({"user": ["a"] * 4, "item": ["x", "y", "z", "x"]})
    with pytest.raises(InputError, match="that the model was fitted to"):
        tasks.learn(model, other)


def test_the_area_under_the_curve_counts_pairs_and_halves_of_ties():
    z, y = np.array([3.0, 1.0, 1.0, 0.0]), np.array([1, 1, 0, 0])
    assert tasks.auc(z, y) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
