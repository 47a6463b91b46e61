"""Which items a user is asked to tell the next one from."""

import numpy as np
import pytest

from tinyrec import Recommender, read_events
from tinyrec.preprocess.sequences import Log, used_up
from tinyrec.train import batches

N, K = 12, 3000
LOG = Log(np.array([3, 1, 7, 3, 9, 0, 2]), np.zeros(7, int), np.array([0, 4, 7]))
WINDOWS = np.array([[0, 4], [4, 7]])


def drawn(used_up, log=LOG, windows=WINDOWS, n=N):
    training = batches.Training(log, windows, {"negatives": K}, None, map, used_up=used_up)
    return batches.draw_negatives(np.random.default_rng(0), training, windows, n)


def shares(negatives, n=N):
    """How often each item is drawn, for each window: (windows, n)."""
    return np.array([np.bincount(row, minlength=n) / row.size for row in negatives])


def test_where_items_are_taken_again_every_item_is_a_negative_equally_often():
    assert shares(drawn(used_up=False)) == pytest.approx(np.full((2, N), 1 / N), abs=0.02)


def test_where_items_are_used_up_a_windows_own_are_no_negatives_and_the_others_equally_often():
    found = shares(drawn(used_up=True))
    for own, row in (({1, 3, 7}, found[0]), ({0, 2, 9}, found[1])):
        others = [item for item in range(N) if item not in own]
        assert row[list(own)] == pytest.approx(0)
        assert row[others] == pytest.approx(np.full(len(others), 1 / len(others)), abs=0.02)


def test_a_user_who_has_taken_everything_still_gets_negatives():
    log = Log(np.arange(5), np.zeros(5, int), np.array([0, 5]))
    negatives = drawn(used_up=True, log=log, windows=np.array([[0, 5]]), n=5)
    assert negatives.min() >= 0 and negatives.max() < 5


@pytest.mark.parametrize("repeats, few", [(0, True), (1, True), (4, False)])
def test_items_are_used_up_where_fewer_than_one_event_in_a_hundred_repeats(repeats, few):
    items = np.tile(np.arange(100), 2)
    items[:repeats] = 99  # which the first user takes last
    log = Log(items, np.zeros(200, int), np.array([0, 100, 200]))
    assert used_up(log, np.array([[0, 100], [100, 200]]), 1000) == few


def test_items_are_not_used_up_where_users_take_less_than_a_thirtieth_of_them():
    log, spans = Log(np.arange(80), np.zeros(80, int), None), np.array([[0, 40], [40, 80]])
    assert used_up(log, spans, 1200)
    assert not used_up(log, spans, 1201)


def test_items_are_not_used_up_where_there_are_few_of_them():
    """What comes later in a user's own way has to be told from what comes next."""
    log, spans = Log(np.arange(80), np.zeros(80, int), None), np.array([[0, 40], [40, 80]])
    assert used_up(log, spans, 1000)
    assert not used_up(log, spans, 999)


def test_training_draws_no_own_items_where_items_are_used_up(monkeypatch):
    """From fit down to the draw: a log of ratings, and one of purchases that repeat."""
    asked_of_own = []

    def watched(rng, training, windows, n):
        negatives = draw(rng, training, windows, n)
        for row, (start, stop) in zip(negatives, windows, strict=True):
            asked_of_own.append(np.isin(row, training.log.items[start:stop]).any())
        return negatives

    draw = batches.draw_negatives
    monkeypatch.setattr("tinyrec.train.loop.draw_negatives", watched)
    rng = np.random.default_rng(0)
    small = {"dim": 2, "hidden": 2, "epochs": 1, "negatives": 512, "layers": "readable"}
    for again, items in ((False, [rng.permutation(1020)[:50] for _ in range(120)]),
                         (True, rng.integers(0, 1020, (120, 50)))):  # fmt: skip
        asked_of_own.clear()
        users = np.repeat(np.arange(120), 50)
        log = {"user": users.astype(str).tolist(), "item": np.ravel(items).astype(str).tolist()}
        Recommender(**small).fit(read_events(log))
        assert any(asked_of_own) == again
