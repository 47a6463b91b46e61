"""What each past event adds to a logit, by five methods."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender, explain
from tinyrec import model as readable
from tinyrec.explain import events
from tinyrec.fast import replaced
from tinyrec.preprocess import features
from tinyrec.preprocess.events import clean

from .conftest import SMALL


def log_odds(model, history, item):
    (p,) = model.predict_proba(history, [item])
    return np.log(p) - np.log1p(-p)


@pytest.mark.parametrize("history", [
    ["i01", "i02", "i03", "i04", "i05", "i06"],
    ["i05", "i06", "i05", "i20", "i05"],  # without i06, i05 twice in a row is one step
])  # fmt: skip
def test_occlusion_is_the_logit_less_the_one_without_the_event(fitted, history):
    found = explain.contributions(fitted, "i07", history=history)
    for at, value in enumerate(found):
        without = log_odds(fitted, history[:at] + history[at + 1 :], "i07")
        assert value == pytest.approx(log_odds(fitted, history, "i07") - without, abs=1e-3)


@pytest.mark.parametrize("clock", [True, False])
def test_times_are_as_in_a_log_that_never_had_the_events(clock):
    time = np.array([0, 40, 100, 5000, 5060, 90000])
    users = {user: time + 7 * user * np.arange(6) for user in range(12)}
    rows = [(f"u{user}", f"i{(user + at) % 9}", str(when), str(at % 3))
            for user, times in users.items() for at, when in enumerate(times)]  # fmt: skip

    def log(rows):
        return clean(dict(zip(("user", "item", "timestamp", "rating"), zip(*rows, strict=True),
                              strict=True)))  # fmt: skip

    model = Recommender(**SMALL | {"epochs": 1}, clock=clock).fit(log(rows))
    past = model.past(user="u5")
    for gone in ([5], [0], [2, 3], [1, 4, 5], [0, 1]):
        keep = ~np.isin(np.arange(6), gone)[None]
        ours = events.numbers(model, past, *np.nonzero(keep))
        less = log([row for at, row in enumerate(rows) if at - 30 not in gone])
        theirs = features.numbers(less, model.catalogue.scales)[less.user == 5]
        assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("item", ["i07", "i01", "i22"])
def test_integrated_gradients_sum_to_the_logit_less_that_of_all_vectors_at_zero(
    fitted, history, item
):
    found = explain.contributions(fitted, item, history=history, method="gradients")
    past = fitted.past(history=history)
    x = events.own_layers(fitted, past)[1].lstm.x
    u, _ = events.from_vectors(fitted.params, np.stack([x, 0 * x]), readable)
    z = u @ fitted.params["E"][fitted.catalogue.numbers([item])[0]]
    assert found.sum() == pytest.approx(fitted.calibration.slope * (z[0] - z[1]), rel=0.01)


@pytest.mark.parametrize("most", [100, 30])
def test_integrated_gradients_are_complete_where_the_recurrence_tips_over(
    fitted, monkeypatch, most
):
    """One unit that keeps its sign: with little of the events it ends at −1, with more at 1."""
    params, way = dict(fitted.params), [f"i{number:02}" for number in range(10)]
    x = events.own_layers(fitted, fitted.past(history=way))[1].lstm.x
    params["W"], params["U"] = 0 * params["W"], 0 * params["U"]
    params["W"][:, 16], params["U"][0, 16] = x[0] / (x[0] @ x[0]), 30  # g of unit 0
    params["b"] = np.repeat(np.float32([9, -9, 0, 9]), 8)  # i and o open, f shut
    params["b"][16] = -0.3
    other = events.copy_with(fitted, params)
    u, _ = events.from_vectors(params, events_times(x, [0, 0.2, 0.5, 1]), readable)
    z = u @ params["E"][7]
    assert abs(z[2] - z[1]) > 0.1 * abs(z[3] - z[0])  # the tipping matters
    from_vectors, asked = events.from_vectors, []

    def counted(params, x, layers):
        asked.append(len(x))
        return from_vectors(params, x, layers)

    monkeypatch.setattr(events, "from_vectors", counted)
    monkeypatch.setattr(events, "MOST", most)
    found = events.of_past(other, fitted.past(history=way), 7, "gradients")
    assert sum(asked) <= most
    assert found.sum() == pytest.approx(fitted.calibration.slope * (z[3] - z[0]), rel=0.01)
    assert found[0] == max(found, key=abs)  # the event that decides


def events_times(x, shares):
    return np.float32(shares)[:, None, None] * x


def test_attention_is_the_last_row_of_the_weights(fitted, history):
    found = explain.contributions(fitted, "i07", history=history, method="attention")
    assert found == pytest.approx(explain.parts(fitted, history=history).weights, rel=1e-5)


def test_recency_rises_and_random_is_the_same_every_time(fitted, history):
    recent = explain.contributions(fitted, "i07", history=history, method="recency")
    assert (np.diff(recent) > 0).all()
    drawn = [explain.contributions(fitted, "i07", history=history, method="random")
             for _ in range(2)]  # fmt: skip
    assert np.array_equal(*drawn)
    other = explain.contributions(fitted, "i08", history=history, method="random")
    assert not np.array_equal(drawn[0], other)


@pytest.mark.parametrize("method", explain.METHODS)
def test_one_number_an_event_and_zero_beyond_what_the_model_looks_at(fitted, method):
    past = [f"i{number:02}" for number in range(13)]
    found = explain.contributions(fitted, "i13", history=past, method=method)
    assert found.shape == (13,)
    unseen = 13 - events.looked_at(fitted, fitted.past(history=past))
    assert unseen >= 3
    assert (found[:unseen] == 0).all() and (found[unseen:] != 0).any()


@pytest.mark.parametrize("method", explain.METHODS)
def test_a_single_event_is_explained(fitted, method):
    assert explain.contributions(fitted, "i07", history=["i06"], method=method).shape == (1,)


def test_the_event_that_decides_comes_first(fitted, history):
    for method in ("occlusion", "gradients"):
        found = explain.contributions(fitted, "i07", history=history, method=method)
        assert found.argmax() == len(history) - 1, method


def test_what_cannot_be_explained_is_said(fitted, history):
    with pytest.raises(InputError, match="no method 'lime'"):
        explain.contributions(fitted, "i07", history=history, method="lime")
    with pytest.raises(InputError, match="i99"):
        explain.contributions(fitted, "i99", history=history)


def test_layers_of_ones_own_are_explained_by_occlusion_only(fitted, history):
    own = events.copy_with(fitted, fitted.params)
    own.layers = replaced()
    assert explain.contributions(own, "i07", history=history).shape == (6,)
    with pytest.raises(InputError, match="occlusion explains any"):
        explain.contributions(own, "i07", history=history, method="gradients")
