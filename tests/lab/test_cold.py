"""The study of items that nobody has taken yet asks what it says."""

import numpy as np
import pytest

from tinyrec.lab import cold
from tinyrec.preprocess import sequences
from tinyrec.preprocess.events import clean

SETTINGS = {"dim": 8, "hidden": 8, "negatives": 16, "batch": 16, "lr": 2e-2, "epochs": 12,
            "dropout": 0.0, "layers": "readable"}  # fmt: skip
GROUPS, OF_EACH = 5, 24


def groups_in_turn():
    rng = np.random.default_rng(0)
    starts, steps = np.repeat(rng.integers(GROUPS, size=150), 8), np.tile(np.arange(8), 150)
    items = [f"{(start + step) % GROUPS}-{rng.integers(OF_EACH)}"
             for start, step in zip(starts, steps, strict=True)]  # fmt: skip
    return clean({"user": [f"u{user}" for user in np.repeat(np.arange(150), 8)], "item": items})


def test_true_content_finds_cold_items_and_shuffled_content_does_not():
    events = groups_in_turn()
    told = np.eye(GROUPS)[[int(item[0]) for item in events.items]]
    found = {(row, lift): np.mean([list(metrics.values()) for metrics in of_seeds], axis=0)
             for row, lift, of_seeds in cold.study(events, (events.items, told), SETTINGS, 2)}
    own, shuffled = (found[row, 1][0] for row in ("its own", "shuffled"))
    assert own > shuffled + 0.15
    lifted = np.array([found["its own", lift] for lift in cold.LIFTS])
    assert (lifted[:, 0] == own).all()  # among themselves nothing changes
    assert (np.diff(lifted[:, 1]) >= 0).all() and lifted[-1, 1] > lifted[0, 1]
    assert (np.diff(lifted[:, 2]) <= 0).all() and 0 < lifted[-1, 2] < lifted[0, 2]


def test_what_is_nearest_to_the_last_events_comes_first():
    C = np.array([[1.0, 0], [0, 1], [2, 0.1], [0, 0]])
    log = sequences.as_log([(np.array([1, 1, 0]), np.zeros(3, int), np.zeros((3, 0)))])
    scores = cold.nearest(C)(np.array([[2, 3], [0, 2]]), log)
    assert scores.argsort()[:, -2:].tolist() == [[2, 0], [2, 1]]


def test_what_is_like_the_most_taken_comes_first_for_everybody():
    C = np.array([[1.0, 0], [0, 1], [1, 0.1], [0, 0.5]])
    log = sequences.as_log([(np.array([1, 3, 1, 0]), np.zeros(4, int), np.zeros((4, 0)))])
    first, second = cold.liked(C, log)(np.array([[0, 1], [0, 4]]), log)
    assert first.tolist() == second.tolist() == pytest.approx([1, 3, 1.3 / 1.01**0.5, 3])


def test_a_log_without_some_items_has_no_event_on_them_and_keeps_the_others():
    events = groups_in_turn()
    less = cold.without(events, [0, 3])
    gone = set(events.items[[0, 3]])
    assert gone.isdisjoint(less.items)
    theirs, ours = (log.items[log.item].tolist() for log in (events, less))
    assert ours == [item for item in theirs if item not in gone]
    assert len(less.users) == less.user.max() + 1
