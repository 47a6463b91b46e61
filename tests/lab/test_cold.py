"""The study of items that nobody has taken yet asks what it says."""

import numpy as np

from tinyrec.lab import cold
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
    found = dict(cold.study(events, (events.items, told), SETTINGS, seeds=2))
    own, shuffled = (np.mean([m["cold among cold"] for m in found[row]])
                     for row in ("its own", "shuffled"))  # fmt: skip
    assert own > shuffled + 0.2
    assert all(metrics["warm among all"] > 0 for metrics in found["its own"])


def test_a_log_without_some_items_has_no_event_on_them_and_keeps_the_others():
    events = groups_in_turn()
    less = cold.without(events, [0, 3])
    gone = set(events.items[[0, 3]])
    assert gone.isdisjoint(less.items)
    theirs, ours = (log.items[log.item].tolist() for log in (events, less))
    assert ours == [item for item in theirs if item not in gone]
    assert len(less.users) == less.user.max() + 1
