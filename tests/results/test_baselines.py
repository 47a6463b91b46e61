from pathlib import Path

import numpy as np
import pytest

from tinyrec import read_events
from tinyrec.preprocess import sequences
from tinyrec.preprocess.sequences import Log
from tinyrec.results import baselines, metrics

#   0 1 2 | 0 1 3 | 0 2 2: 0 is followed by 1, 1, 2 and 1 by 2, 3 and 2 by 2
LOG = Log(np.array([0, 1, 2, 0, 1, 3, 0, 2, 2]), np.zeros(9, int), np.array([0, 3, 6, 9]))
TRAIN = np.array([[0, 3], [3, 6], [6, 9]])


def chances(score, span):
    """Back from log-odds of being the next item to its chance."""
    return 1 / (1 + np.exp(-score(np.array([span]), LOG)[0]))


def test_popularity_is_the_share_of_events():
    p = chances(baselines.popularity(LOG, TRAIN, 4), [0, 1])
    assert p == pytest.approx(np.array([3, 2, 3, 1]) / 9, abs=1e-3)


def test_markov_is_the_share_of_what_followed_the_last_item():
    p = chances(baselines.markov(LOG, TRAIN, 4), [0, 1])
    assert p == pytest.approx([0, 2 / 3, 1 / 3, 0], abs=1e-3)


def test_decayed_markov_adds_earlier_items_with_a_fifth_less_each_step():
    p = chances(baselines.decayed_markov(LOG, TRAIN, 4), [0, 2])
    after_1 = np.array([0, 0, 1 / 2, 1 / 2])
    after_0 = np.array([0, 2 / 3, 1 / 3, 0])
    assert p == pytest.approx((after_1 + 0.8 * after_0) / 1.8, abs=1e-3)


def test_baselines_count_on_the_training_part_only():
    train = np.array([[0, 2], [3, 5], [6, 8]])
    p = chances(baselines.markov(LOG, train, 4), [0, 2])
    assert p == pytest.approx(chances(baselines.popularity(LOG, train, 4), [0, 2]))
    assert p[3] < 0.001


def test_no_transition_leads_from_one_user_to_the_next():
    shares = baselines.transitions(LOG, TRAIN, 4)
    assert set(shares) == {0, 1, 2}
    assert shares[2][0].tolist() == [2]


def test_matrix_factorisation_learns_which_of_two_worlds_a_user_lives_in():
    rng = np.random.default_rng(0)
    world = np.arange(60) % 2
    items = (rng.integers(0, 10, (60, 12)) + 10 * world[:, None]).ravel()
    log = Log(items, np.zeros(720, int), np.arange(0, 721, 12))
    split = sequences.leave_one_out(log)
    score = baselines.matrix_factorisation(log, split.train, 20, dim=8, rows=32, K=8)
    logits = score(split.test, log)
    own_world = logits[:, :10].mean(axis=1) > logits[:, 10:].mean(axis=1)
    assert np.array_equal(own_world, world == 0)


def test_the_floors_on_movielens_1m_are_the_known_ones():
    path = Path(__file__).parents[3] / "shared" / "data" / "ml-1m-sequences.txt"
    if not path.exists():
        pytest.skip("the MovieLens-1M sequences are not here")
    log = sequences.serialise(read_events(path))
    split = sequences.leave_one_out(log)
    known = {"popularity": (0.0421, 0.0204), "markov": (0.2240, 0.1316),
             "decayed markov": (0.2551, 0.1441)}  # fmt: skip
    for name, (hr, ndcg) in known.items():
        score = baselines.ALL[name](log, split.train, 3416)
        found = metrics.evaluate(score, log, split.test)
        assert found["hr@10"] == pytest.approx(hr, abs=6e-5), name
        assert found["ndcg@10"] == pytest.approx(ndcg, abs=6e-5), name
