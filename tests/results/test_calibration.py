"""A chance means what it says."""

import numpy as np
import pytest

from tinyrec import Recommender, read_events
from tinyrec.datasets import shop
from tinyrec.model import loss
from tinyrec.results import calibration, metrics


def test_the_odds_that_the_loss_is_least_at_are_turned_back_into_the_chance():
    chance, items, negatives, t = 0.03, 500, 40, 0.75
    z = np.linspace(-10, 5, 150_001)
    sampled = (1 - chance) * loss.share(items, negatives)  # the item among a row's negatives
    charge = chance * loss.beta(items, negatives, t) * np.log1p(np.exp(-z))
    charge += sampled * np.log1p(np.exp(z))
    best = z[charge.argmin()]
    shown = 1 / (1 + np.exp(-loss.log_odds(best, items, negatives, t)))
    assert shown == pytest.approx(chance, rel=1e-3)


def made_up(users=4000, items=50, slope=1.5, offset=-1.0, seen=-1.0, seed=0):
    """Log-odds that are wrong by a known slope, offset and effect of seen items."""
    rng = np.random.default_rng(seed)
    given = rng.normal(-2.5, 1, (users, items))
    had = [rng.choice(items, 5, replace=False) for _ in range(users)]
    true = slope * given + offset
    for row, those in zip(true, had, strict=True):
        row[those] += seen
    taken = rng.random((users, items)) < 1 / (1 + np.exp(-true))
    return given, had, taken


def test_slope_offset_and_the_effect_of_seen_items_are_found_again():
    given, had, taken = made_up()
    counts = 0
    for user, targets in enumerate(taken):  # a user for each item taken, and one for none
        one = given[user : user + 1]
        hits = calibration.count(one, [len(targets)], had[user : user + 1])
        for item in np.flatnonzero(targets):
            hit = calibration.count(one, [item], had[user : user + 1])
            miss = calibration.count(one, [len(targets)], had[user : user + 1])
            hits = hits + hit - miss
        counts = counts + hits
    found = calibration.fit(counts)
    assert found == pytest.approx((1.5, -1.0, -1.0), abs=0.15)


def test_without_users_everything_stays_as_it_is():
    nothing = np.zeros((2, 2, calibration.CELLS), int)
    assert calibration.fit(nothing) == pytest.approx(calibration.NONE)


def test_reliability_adds_up_what_was_shown_and_what_happened():
    log_odds = np.log([[0.05, 0.5, 0.002]]) - np.log1p(-np.array([[0.05, 0.5, 0.002]]))
    found = calibration.reliability(log_odds, np.array([1]))
    assert found.offers.sum() == 3
    assert found.shown.sum() == pytest.approx(0.552)
    assert found.taken.tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert found.error(1) == pytest.approx(0.05 + 0.5 + 0.002)


def test_chances_that_are_all_in_the_first_bin_are_added_up_too():
    found = calibration.reliability(np.full((2, 2000), np.log(4e-4)), np.array([0, 1]))
    assert found.shown.sum() == pytest.approx(2 * 2000 * 4e-4 / (1 + 4e-4))


@pytest.mark.slow
def test_on_the_shop_shown_chances_sum_to_one_and_come_true():
    model = Recommender(seed=0).fit(read_events(shop.FOLDER / "shop.csv"))
    log, spans = model.targets()
    chances = 1 / (1 + np.exp(-model.score(spans, log)))
    assert chances.sum(axis=1).mean() == pytest.approx(1, abs=0.05)
    found = metrics.reliability(model.score, log, spans)
    edges = [0.001, 0.01, 0.03, 0.1, 0.2, 0.4]
    cell = np.searchsorted(edges, calibration.BINS[:-1], side="right")
    for number in range(1, 6):
        shown, taken = (part[cell == number].sum() for part in (found.shown, found.taken))
        assert taken / shown == pytest.approx(1, abs=0.25), edges[number - 1]
