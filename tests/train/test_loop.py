"""The training loop: when it ends."""

import numpy as np
import pytest

from tinyrec import model
from tinyrec.model import network
from tinyrec.preprocess.sequences import Log
from tinyrec.train import loop
from tinyrec.train.batches import Training


def epochs_done(qualities):
    return len(trained(qualities))


def trained(qualities, after_step=None):
    """The history of a training whose validation NDCG@10 is `qualities`, one an epoch;
    after_step(state) is called after each of its steps.
    """
    rng = np.random.default_rng(0)
    log = Log(rng.integers(0, 9, 12), np.zeros(12, int), np.array([0, 6, 12]))
    state = loop.State(network.initial(rng, items=9, kinds=1, dim=2, hidden=2))
    settings = {"epochs": len(qualities), "batch": 2, "negatives": 3, "t": 0.75, "lr": 0.01,
                "dropout": 0.0, "seed": 0}  # fmt: skip
    left = iter(qualities)
    training = Training(log, np.array([[0, 6], [6, 12]]), settings, model, map)
    watch = after_step and (lambda *_: after_step(state))
    loop.fit(state, training, lambda params: {"ndcg@10": next(left)}, on_step=watch)
    return state.history


def test_training_ends_when_a_third_of_the_epochs_brought_nothing():
    assert epochs_done([0.1, 0.2] + 28 * [0.15]) == 12


def test_the_rate_rises_for_a_twentieth_of_the_steps_and_then_falls_to_nearly_zero():
    rates = []
    trained(np.arange(1, 101), lambda state: rates.append(state.adam.lr))
    assert len(rates) == 100
    assert np.argmax(rates) == 5
    assert max(rates) == pytest.approx(0.01, rel=0.02)
    assert (np.diff(rates[:6]) > 0).all() and (np.diff(rates[5:]) < 0).all()
    assert 0 < rates[-1] < 0.0001


def test_an_epochs_seconds_have_its_validation_in_them(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(clock))
    history = trained([0.1, 0.2])
    assert [entry["validation_seconds"] for entry in history] == [1, 1]
    assert [entry["seconds"] for entry in history] == [3, 3]


def test_training_goes_on_while_it_still_gets_better():
    assert epochs_done([0.1] + 9 * [0.05] + [0.11] + 19 * [0.05]) == 21


def test_a_short_training_has_five_epochs_to_get_better():
    assert epochs_done([0.3] + 6 * [0.2]) == 6
