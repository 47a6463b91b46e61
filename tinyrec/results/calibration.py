"""Does a chance mean what it says? (article §9.4; Platt, 1999; Guo et al., 2017)

B users, N items. What training implies (model/loss.py) is a little off: dropout makes a network
shy, and items that were seen before are often not taken again. Three numbers, learnt on the
users' validation targets, put it right:

    log-odds = slope · (z + log(α/β)) + offset + seen · [seen before]
"""

from typing import NamedTuple

import numpy as np

from ..model.functions import sigmoid

BINS = np.array([0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 1])  # edges of shown chances
CELLS, LARGEST = 4000, 40.0  # log-odds from −40 to 40 are counted in so many cells


class Calibration(NamedTuple):
    slope: float = 1.0
    offset: float = 0.0
    seen: float = 0.0


NONE = Calibration()


def apply(calibration, z, shift, seen):
    """The log-odds z + shift (B, N) put right, in place of z; seen: the items (·,) that each user
    has had, B arrays.
    """
    slope, offset, of_seen = calibration
    for row, items in zip(z, seen, strict=True):  # which stays in the cache
        row *= slope
        row += slope * shift + offset
        row[items] += of_seen


def count(log_odds, targets, seen):
    """(2, 2, CELLS): pairs of user and item, not taken or taken; not seen or seen; by log-odds."""
    cell = (np.clip(log_odds / LARGEST, -1, 1) + 1) * ((CELLS - 1) / 2)
    cell = np.nan_to_num(cell).round().astype(np.int64)
    for row, target, items in zip(cell, targets, seen, strict=True):
        row[items] += CELLS
        if target < len(row):  # an item that nobody scores has no cell
            row[target] += 2 * CELLS
    return np.bincount(cell.ravel(), minlength=4 * CELLS).reshape(2, 2, CELLS)


def fit(counts, steps=50):
    """The Calibration that makes counts (2, 2, CELLS) most likely: logistic regression, Newton.

    As if one more user spoke for leaving everything as it is, so that a few change little.
    """
    x = np.linspace(-LARGEST, LARGEST, CELLS)
    features = np.array([(value, 1.0, seen) for seen in (0, 1) for value in x])
    pairs, taken = counts.sum(axis=0).ravel(), counts[1].ravel()
    used = pairs > 0
    features, pairs, taken = features[used], pairs[used], taken[used]
    before = np.array(NONE)
    weights = before.copy()
    for _ in range(steps):
        p = sigmoid(features @ weights)
        gradient = features.T @ (pairs * p - taken) + (weights - before)
        curvature = (features.T * (pairs * p * (1 - p))) @ features + np.eye(3)
        weights -= np.clip(np.linalg.solve(curvature, gradient), -1, 1)
    return Calibration(*weights.tolist())


class Reliability(NamedTuple):
    """What was shown and what happened, for each of the BINS of shown chances: (bins,)."""

    offers: np.ndarray  # pairs of a user and a candidate
    shown: np.ndarray  # the sum of their chances
    taken: np.ndarray  # how many of them were the target

    def error(self, users):
        """Expected calibration error: the share of a user's probability that is misplaced."""
        return np.abs(self.shown - self.taken).sum() / users


def reliability(log_odds, targets):
    """The Reliability of log-odds (B, N) of being next; −∞ where an item is no candidate."""
    rows = [one_row(row, target) for row, target in zip(log_odds, targets, strict=True)]
    return Reliability(*np.sum(rows, axis=0))


def one_row(log_odds, target):
    """Offers, shown and taken (3, bins) of one user: log_odds (N,).

    Chances sum to about one, so that few are above the first bin: only they are looked up.
    """
    offered, chance = log_odds > -np.inf, sigmoid(log_odds)
    larger = chance[chance >= float(BINS[1])]
    number, bins = bin_of(larger), len(BINS) - 1
    offers = np.bincount(number, minlength=bins)
    shown = np.bincount(number, larger, bins).astype(float)  # whole numbers if there are none
    offers[0] = np.count_nonzero(offered) - len(larger)
    shown[0] = chance.sum() - larger.sum()
    taken = offered[target] * (np.arange(bins) == bin_of(chance[target]))
    return offers, shown, taken


def bin_of(chance):
    """The number of the bin that each chance is shown in."""
    return np.minimum(np.searchsorted(BINS, chance, side="right") - 1, len(BINS) - 2)
