"""The interpretable model: its numbers are those of its names, and it learns from them."""

import numpy as np
import pytest

from tinyrec.explain import linear
from tinyrec.preprocess import sequences
from tinyrec.results import baselines, metrics


def test_each_number_is_what_its_name_says():
    times = np.array([[1.0], [0], [2], [3]])
    log = sequences.as_log([(np.array([0, 1, 2, 0]), np.zeros(4, int), times)])
    C = np.array([[3.0, 4], [0, 1], [0, 0], [1, 0]])
    followed = {0: (np.array([1]), np.array([1.0])), 1: (np.array([2, 3]), np.array([0.5, 0.5]))}
    counted = np.full(4, 0.25), followed, linear.count(log, np.array([[0, 4]]), 4, C)[2], 0
    (found,) = linear.features(counted, np.array([[0, 4]]), log)
    shares = np.exp(found[:, 1:4]) - linear.RARE
    assert np.exp(found[:, 0]) == pytest.approx(0.25)
    assert shares[:, 0] == pytest.approx([0, 1, 0, 0])
    assert shares[:, 1] == pytest.approx([0, 1 + 0.8**3, 0.5 * 0.8**2, 0.5 * 0.8**2])
    assert shares[:, 2] == pytest.approx([0, 2 / 4, 0.5 / 4, 0.5 / 4])
    assert found[:, 4].tolist() == [2, 1, 1, 0]
    assert found[:, 5] == pytest.approx([1, 0.8**2, 0.8, 0])
    near = np.array([0.6, 0.8]) * 2 / 4 + np.array([0, 1]) / 4
    assert found[:, 6] == pytest.approx([near @ [0.6, 0.8], near[1], 0, near[0]])
    assert found[:, 7] == pytest.approx(3 * found[:, 1])


def test_where_the_last_item_decides_it_says_so_and_ranks_well(fitted):
    log, spans = fitted.targets()
    n = len(fitted.catalogue.items)
    model = linear.fit(log, fitted.split.train, n)
    named = dict(zip(linear.FEATURES, model.weights, strict=True))
    assert max(named, key=named.get) == "after the last event"
    popular = baselines.popularity(log, fitted.split.train, n)
    found, floor = (metrics.quality(score, log, spans) for score in (model.score, popular))
    assert found["ndcg@10"] > 0.9 > floor["ndcg@10"]


def test_a_score_agrees_with_itself_and_not_with_its_opposite(fitted):
    log, spans = fitted.targets()
    assert linear.agreement(fitted.score, fitted.score, log, spans) == (1, 1)

    def opposite(spans, log):
        return -fitted.score(spans, log)

    shared, best = linear.agreement(fitted.score, opposite, log, spans)
    assert shared < 0.5 and best == 0
