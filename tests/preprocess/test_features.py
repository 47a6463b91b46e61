"""An event's numbers are what is known of it when it is used, and nothing else."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender
from tinyrec.live import Session
from tinyrec.preprocess import features
from tinyrec.preprocess.events import clean

SMALL = {"dim": 8, "hidden": 8, "negatives": 16, "batch": 16, "lr": 2e-2, "layers": "readable"}
START = 1_700_000_000


def log(users=40, length=8, seed=0, times=True, rated=False):
    """What is taken a minute later is one of five d items, what a day later one of five n."""
    rng = np.random.default_rng(seed)
    rows = {"user": [], "item": [], "timestamp": [], "rating": []}
    for user in range(users):
        item, time = f"d{rng.integers(5)}", START
        for _ in range(length):
            rows["user"].append(f"u{user}")
            rows["item"].append(item)
            rows["timestamp"].append(str(time))
            rows["rating"].append(str(rng.integers(1, 6)) if rng.random() < 0.5 else "")
            slow = rng.random() < 0.5
            item = f"{'n' if slow else 'd'}{rng.integers(5)}"
            time += 90_000 if slow else 60
    kept = ["user", "item", *["timestamp"] * times, *["rating"] * rated]
    return clean({name: rows[name] for name in kept})


def test_times_are_seen_from_both_sides_and_gaps_are_flagged():
    events = log(rated=True)
    scales = features.scales(events)
    assert [*scales] == ["since", "until", "rating"]
    found = features.numbers(events, scales)
    assert found.shape == (len(events.item), 4)
    since, until, rating, was_missing = found.T
    inside = np.diff(events.user) == 0
    assert np.allclose(since[1:][inside], until[:-1][inside], atol=0.1)
    assert not since[::8].any()  # before a user's first event there was none
    assert not until[7::8].any()
    gaps = np.isnan(events.numeric["rating"])
    assert np.array_equal(was_missing == 1, gaps)
    assert not rating[gaps].any()
    for column in (since[1:][inside], until[:-1][inside], rating[~gaps]):
        assert column.mean() == pytest.approx(0, abs=1e-5)
        assert column.std() == pytest.approx(1, abs=1e-5)


def test_the_scales_are_those_of_what_is_learnt_from():
    rows = {"user": ["a"] * 6, "item": [*"123456"], "timestamp": [*"123456"],
            "rating": ["1", "3", "2", "4", "", "1000"]}  # fmt: skip
    learnt = np.arange(6) < 4
    scales = features.scales(clean(rows), learnt=learnt)
    assert scales == {"rating": [2.5, pytest.approx(1.25**0.5), False]}  # nor is the gap seen
    rows["timestamp"][4] = "999"
    again = clean(rows | {"rating": ["1"] * 6})
    assert features.scales(again, learnt=learnt) == {}  # the time up to what is held back neither
    assert [*features.scales(again)] == ["since", "until"]


def test_a_model_is_fitted_with_the_scales_of_its_training_part():
    events = log(users=60, rated=True)
    model = Recommender(**SMALL, epochs=1).fit(events)
    learnt = np.tile(np.arange(8) < 6, 60)
    assert model.catalogue.scales == features.scales(events, learnt=learnt)
    assert model.catalogue.scales != features.scales(events)


def test_a_log_without_times_has_no_numbers_and_one_without_the_clock_no_until():
    assert features.numbers(log(times=False), features.scales(log(times=False))).shape[1] == 0
    assert [*features.scales(log(), clock=False)] == ["since"]
    model = Recommender(**SMALL, epochs=1).fit(log(times=False))
    assert model.params["F"].shape == (0, 8)


def test_one_events_numbers_are_those_of_the_log():
    events = log(rated=True)
    scales = features.scales(events)
    row = int(np.flatnonzero(~np.isnan(events.numeric["rating"]))[3])
    told = {"rating": events.numeric["rating"][row]}
    if row % 8:
        told["since"] = events.time[row] - events.time[row - 1]
    if row % 8 != 7:
        told["until"] = events.time[row + 1] - events.time[row]
    expected = features.numbers(events, scales)[row]
    assert features.one(scales, **told) == pytest.approx(expected, abs=1e-6)
    rating = told.pop("rating")
    assert features.one(scales, features.one(scales, **told), rating=rating) == pytest.approx(
        expected, abs=1e-6
    )


@pytest.fixture(scope="module")
def fitted():
    return Recommender(**SMALL, epochs=20, dropout=0.0).fit(log(users=120))


def test_the_clock_tells_what_comes_next(fitted):
    blind = Recommender(**SMALL, epochs=20, dropout=0.0, clock=False).fit(log(users=120))
    asked = {"exclude_seen": False}
    assert fitted.evaluate(**asked)["mrr"] > blind.evaluate(**asked)["mrr"] + 0.1


def test_other_events_are_scored_with_their_own_times(fitted):
    later = log(users=120, seed=1)
    found = fitted.evaluate(later, exclude_seen=False)
    assert found["mrr"] == pytest.approx(fitted.evaluate(exclude_seen=False)["mrr"], abs=0.1)


def test_numbers_are_saved(fitted, tmp_path):
    fitted.save(tmp_path / "m.npz")
    again = Recommender.load(tmp_path / "m.npz")
    assert again.catalogue.scales == fitted.catalogue.scales
    assert again.evaluate() == fitted.evaluate()
    assert np.array_equal(again.logits(again.past("u3")), fitted.logits(fitted.past("u3")))


def test_a_session_that_is_told_the_time_does_its_last_step_again(fitted):
    session = Session(fitted)
    for item, time in (("d1", 0), ("d2", 60), ("n3", 90_060)):
        session.add(item, time=START + time)
    unasked = session.logits()
    soon = session.ask_at(START + 90_060 + 60).recommend(1, exclude_seen=False)
    late = session.ask_at(START + 90_060 + 90_000).recommend(1, exclude_seen=False)
    assert (soon[0][0][0], late[0][0][0]) == ("d", "n")
    assert not np.allclose(session.logits(), unasked)

    streamed = clean({"user": ["a"] * 4, "item": ["d1", "d2", "n3", "n2"], "timestamp":
                      [str(START + time) for time in (0, 60, 90_060, 180_060)]})  # fmt: skip
    read, spans = fitted.targets(streamed)
    assert session.logits() == pytest.approx(fitted.score(spans, read)[0], abs=1e-4)
    with pytest.raises(InputError, match="before that of the event before"):
        session.add("d4", time=START)
    with pytest.raises(InputError, match="mood: the model has learnt no such number"):
        session.add("d4", mood=3)
