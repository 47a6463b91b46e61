"""Rows that wait end where plain Adam, which moves every row in every step, would have them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinyrec import fast
from tinyrec.train import adam, tables

ROOMS = [pytest.param(tables, id="train"), pytest.param(fast.adam, id="fast")]
STEPS, N = 60, 9


def steps(rng, scale, width):
    """Each step's learning rate and gradient: of one to three of N rows, zero elsewhere."""
    for step in range(STEPS):
        touched = np.sort(rng.choice(N - 1, rng.integers(1, 4), replace=False))
        values = rng.normal(0, scale, (len(touched), *width))
        dense = np.zeros((N, *width))
        dense[touched] = values
        yield 0.02 * (1 - step / STEPS), dense, tables.Rows(touched, values)


def both(room, scale, width=(4,), look_up=False):
    """Plain Adam's table and ours after some steps: (start, plain, ours, both optimizers)."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(N, *width))
    plain, ours = adam.Adam({"E": start.copy()}), room.Adam({"E": start.copy()})
    for lr, dense, rows in steps(rng, scale, width):
        plain.lr = ours.lr = lr
        if look_up:
            ours.catch_up("E", np.array([0, 5]))
            assert ours.params["E"][[0, 5]] == pytest.approx(plain.params["E"][[0, 5]], abs=1e-6)
        plain.step({"E": dense})
        ours.step({"E": rows})
    return start, plain, ours


@pytest.mark.parametrize("width", [(), (4,)])
@pytest.mark.parametrize("room", ROOMS)
def test_once_settled_all_rows_are_plain_adams(room, width):
    _, plain, ours = both(room, 1.0, width)
    assert np.abs(ours.params["E"] - plain.params["E"]).max() > 1e-4  # some still wait
    ours.settle()
    for one, other in ((ours.params, plain.params), (ours.m, plain.m), (ours.v, plain.v)):
        assert one["E"] == pytest.approx(other["E"], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("room", ROOMS)
def test_rows_looked_up_between_two_steps_are_up_to_date(room):
    _, plain, ours = both(room, 1.0, look_up=True)
    ours.settle()
    assert ours.params["E"] == pytest.approx(plain.params["E"], rel=1e-6)


@pytest.mark.parametrize("scale", [1e-7, 1e-8, 1e-9])
def test_where_gradients_are_as_small_as_epsilon_the_way_gone_differs_little(scale):
    start, plain, ours = both(tables, scale)
    ours.settle()
    way, theirs = ours.params["E"] - start, plain.params["E"] - start
    assert np.linalg.norm(way - theirs) < 0.01 * np.linalg.norm(theirs)


@pytest.mark.parametrize("room", ROOMS)
def test_after_settling_and_after_dense_gradients_rows_may_wait_again(room):
    _, plain, ours = both(room, 1.0)
    ours.settle()
    for gradient in (np.ones((N, 4)), np.ones((N, 4))):
        plain.step({"E": gradient})
        ours.step({"E": gradient})
    for _, dense, rows in steps(np.random.default_rng(1), 1.0, (4,)):
        plain.step({"E": dense})
        ours.step({"E": rows})
    plain.step({"E": np.ones((N, 4))})
    ours.step({"E": np.ones((N, 4))})
    assert ours.params["E"] == pytest.approx(plain.params["E"], rel=1e-6)


def test_a_row_that_no_step_touched_stays_as_it_is():
    start, _, ours = both(tables, 1.0)
    ours.settle()
    assert np.array_equal(ours.params["E"][N - 1], start[N - 1])


def test_rows_shared_out_to_threads_end_with_the_same_bytes(monkeypatch):
    alone = both(fast.adam, 1.0)[2]
    alone.settle()
    monkeypatch.setattr(fast.adam, "CHUNK", 2)
    with ThreadPoolExecutor(3) as pool:
        monkeypatch.setattr(fast.adam.Adam, "map", staticmethod(pool.map))
        shared = both(fast.adam, 1.0)[2]
        shared.settle()
    for name in ("params", "m", "v"):
        assert getattr(shared, name)["E"].tobytes() == getattr(alone, name)["E"].tobytes()
