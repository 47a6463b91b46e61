import numpy as np
import pytest

from tinyrec.preprocess.sequences import Log
from tinyrec.results import metrics


def test_the_rank_counts_better_scores_and_half_of_the_ties():
    scores = np.array([[3.0, 1, 2, 0], [5, 5, 5, 1], [0, 1, 2, 3]])
    assert metrics.ranks(scores, np.array([0, 1, 0])).tolist() == [0, 1, 3]


def test_a_score_that_is_not_a_number_gives_the_worst_rank():
    scores = np.array([[np.nan, 1, 2], [0, np.nan, 5]])
    assert metrics.ranks(scores, np.array([0, 2])).tolist() == [2, 2]


def test_at_k_equals_values_worked_out_by_hand():
    found = metrics.at_k(np.array([0.0, 2.0, 10.0]), k=10)
    assert found["hr@10"] == pytest.approx(2 / 3)
    assert found["recall@10"] == found["hr@10"]
    assert found["ndcg@10"] == pytest.approx((1 + 0.5) / 3)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 11) / 3)
    assert found["precision@10"] == pytest.approx(0.2 / 3)
    precision, recall = 0.1, 1.0
    f1_of_a_hit = 2 * precision * recall / (precision + recall)
    assert found["f1@10"] == pytest.approx(2 * f1_of_a_hit / 3)


def test_auc_is_the_share_of_candidates_below_the_target():
    assert metrics.auc(np.array([0, 1, 4]), np.array([5, 5, 5])).tolist() == [1.0, 0.75, 0.0]


def test_click_errors_are_the_expectation_over_a_target_and_an_evenly_drawn_other():
    logits = np.array([[2.0, -2.0, 1.0, -np.inf]])
    accuracy, square = metrics.click_errors(logits, np.array([0]))
    # of being next among four: three others are as likely to be offered beside the target
    p = 1 / (1 + np.exp(-np.array([2.0, -2.0, 1.0])) / 3)
    assert accuracy[0] == pytest.approx((1 + 0.5) / 2)
    assert square[0] == pytest.approx(((1 - p[0]) ** 2 + (p[1] ** 2 + p[2] ** 2) / 2) / 2)


LOG = Log(np.array([0, 1, 2, 3, 1, 1]), np.zeros(6, int), np.array([0, 3, 6]))
SPANS = np.array([[0, 2], [3, 5]])  # 0 1 -> 2 and 3 1 -> 1


def by_number(spans, log):
    """The higher an item's number, the better: 0 < 1 < 2 < 3."""
    return np.tile(np.arange(4.0), (len(spans), 1))


def test_seen_items_are_no_candidates_so_that_a_seen_target_is_missed():
    found = metrics.evaluate(by_number, LOG, SPANS)
    # first user: 3 is above 2; second user: the target 1 was seen, its rank is the worst of four
    assert found["mrr"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert metrics.repeats(LOG, SPANS) == 1


def test_seen_items_compete_if_asked_for():
    found = metrics.evaluate(by_number, LOG, SPANS, exclude_seen=False)
    assert found["mrr"] == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_a_perfect_ranking_scores_one():
    def oracle(spans, log):
        return np.where(np.arange(4) == LOG.items[spans[:, 1]][:, None], 9.0, -9.0)

    found = metrics.evaluate(oracle, LOG, SPANS, exclude_seen=False)
    assert found["ndcg@10"] == found["hr@10"] == found["auc"] == found["accuracy"] == 1
    assert found["rmse"] < 0.001


@pytest.mark.parametrize("k", [1, 3, 10, 5000])
def test_the_best_of_many_are_those_that_sorting_all_of_them_gives(k):
    scores = np.random.default_rng(k).integers(0, 300, 20_500).astype(np.float32)  # many equals
    for missing in (np.nan, -np.inf):
        scores[:3] = missing
        assert metrics.best(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()
