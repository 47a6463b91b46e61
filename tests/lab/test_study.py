"""The study's replaced layers are right, and its rows differ in what they say."""

import numpy as np
import pytest

from tinyrec.fast import replaced
from tinyrec.lab import study
from tinyrec.preprocess.events import clean
from tinyrec.results import report
from tinyrec.train import gradcheck

ROOMS = {
    "no attention": lambda: replaced(attention=study.no_attention()),
    "long only": lambda: replaced(interest=study.interest_from("long", "x")),
    "no lstm": lambda: replaced(lstm=study.no_lstm(), interest=study.interest_from("long", "x")),
    "softmax": lambda: replaced(loss=study.softmax_loss()),
}


@pytest.mark.parametrize("name", ROOMS)
def test_a_replaced_layers_gradients_are_within_tolerance(name, monkeypatch):
    monkeypatch.setattr(gradcheck, "H", gradcheck.D)  # as a network without an LSTM needs
    rng = np.random.default_rng(0)
    found = dict(gradcheck.check_network(ROOMS[name](), rng, T=5))
    assert max(found.values()) <= gradcheck.TOLERANCE


def tiny_log():
    rng = np.random.default_rng(0)
    users = [f"u{user}" for user in range(40) for _ in range(8)]
    items = [f"i{item}" for item in rng.integers(0, 30, len(users))]
    return clean({"user": users, "item": items, "event": rng.choice(["view", "buy"], len(users))})


@pytest.mark.slow
def test_every_row_is_measured_for_every_seed_and_the_first_is_the_plain_model():
    settings = {"epochs": 1, "dim": 8, "hidden": 8, "negatives": 8}
    found = list(study.study(tiny_log(), settings, seeds=2))
    assert found[0][0] == "as it is"
    assert len({row for row, _, _ in found}) == len(found) >= 15
    assert all(len(metrics) == 2 for _, metrics, _ in found)
    plain = study.Recommender(**settings | {"seed": 1}).fit(tiny_log()).evaluate()
    assert found[0][1][1] == plain
    assert "±" in report.study(*found[0])
