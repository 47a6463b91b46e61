"""The compiled layers give what the readable ones give, for every shape that could go wrong."""

import numpy as np
import pytest

from tinyrec import fast, model
from tinyrec.model import network
from tinyrec.model.table import Table
from tinyrec.results import metrics
from tinyrec.train import tables
from tinyrec.train.adam import Adam

# B, T, D, H: one user, odd numbers of users, one step, D ≠ H, no multiples of four or eight,
# and U large enough to be taken a gate at a time
SHAPES = [(1, 1, 3, 5), (1, 6, 8, 4), (3, 5, 4, 7), (5, 2, 7, 3), (6, 70, 9, 6), (16, 4, 16, 8)]
LARGE = (3, 3, 5, 129)


def close(one, other, dtype):
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    assert np.abs(one - other).max() <= tolerance * max(1e-6, np.abs(other).max())


def both_close(one, other, dtype):
    """Arrays, or dicts or tuples of them."""
    if isinstance(one, dict):
        assert set(one) == set(other)
        one, other = ([part[name] for name in sorted(part)] for part in (one, other))
    if isinstance(one, (tuple, list)):
        for a, b in zip(one, other, strict=True):
            both_close(a, b, dtype)
    elif one is not None or other is not None:
        close(one, other, dtype)


def network_pair(shape, dtype, rate=0.3, items=11, K=67):
    B, T, D, H = shape
    rng = np.random.default_rng(0)
    params = network.initial(rng, items, 3, D, H, dtype, numbers=2)
    for value in params.values():
        value[...] = rng.normal(0, 0.4, value.shape)
    block = network.Block(
        rng.integers(0, items, (B, T)), rng.integers(0, 3, (B, T)),
        rng.integers(0, items, (B, T)), rng.integers(0, items, (B, K)),
        rng.integers(1, T + 1, B), rng.normal(size=(B, T, 2)).astype(dtype),
    )  # fmt: skip
    kept = network.Kept(*(rng.random((B, T, n)) > rate for n in (D, H, H)), 1 / (1 - rate))
    for room in (model, fast):
        loss, logits, cache = network.forward(params, block, 0.6, room, kept)
        yield loss, logits, network.backward(cache)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [*SHAPES, LARGE])
def test_the_whole_network_has_the_same_loss_logits_and_gradients(shape, dtype):
    both_close(*network_pair(shape, dtype), dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_lstm_and_attention_take_inputs_that_are_not_contiguous(shape):
    B, T, D, H = shape
    rng = np.random.default_rng(1)
    x = rng.normal(size=(T, D, B)).transpose(2, 0, 1)
    W, U = rng.normal(size=(4 * H, D)).T, rng.normal(size=(4 * H, H)).T
    b, dh = rng.normal(size=8 * H)[::2], rng.normal(size=(B, H, T)).transpose(0, 2, 1)
    state = rng.normal(size=(H, B)).T, rng.normal(size=(B, 2 * H))[:, ::2]
    Wq, Wk = rng.normal(size=(2, H, H)).transpose(0, 2, 1)
    found = []
    for room in (model, fast):
        h, lstm = room.lstm.forward(x, W, U, b, state)
        long, attention = room.attention.forward(h[:, ::-1], Wq, Wk)
        found.append((h, long, room.lstm.backward(dh, lstm), attention.w,
                      room.attention.backward(dh[:, ::-1], attention)))  # fmt: skip
    both_close(found[1], found[0], np.float64)


def test_keys_may_be_narrower_than_states():
    rng = np.random.default_rng(2)
    h, Wq, Wk = (rng.normal(size=s) for s in ((2, 5, 6), (6, 3), (6, 3)))
    found = []
    for room in (model, fast):
        long, cache = room.attention.forward(h, Wq, Wk)
        found.append((long, room.attention.backward(long, cache)))
    both_close(found[1], found[0], np.float64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_large_numbers_neither_overflow_nor_lose_the_loss(dtype):
    z = np.array([[-200.0, -30, 0, 30, 200]]).T.astype(dtype)
    negatives = np.linspace(-120, 120, 5 * 130).reshape(5, 1, 130).astype(dtype)
    found = []
    for room in (model, fast):
        loss, cache = room.loss.forward(z, negatives, np.ones(5, int), 0.4)
        found.append((loss, room.loss.backward(1.0, cache)[0]))
    both_close(found[1], found[0], dtype)


def test_a_number_that_is_none_stays_none():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 3, 4)).astype(np.float32)
    x[1, 1, 2] = np.nan
    weights = (rng.normal(size=s).astype(np.float32) for s in ((4, 16), (4, 16), 16))
    h, _ = fast.lstm.forward(x, *weights)
    assert np.isnan(h[1, 1:]).all()
    assert np.isfinite(h[[0, 2, 3]]).all()
    z = np.full((1, 1, 4), np.nan, np.float32)
    loss, _ = fast.loss.forward(np.zeros((1, 1), np.float32), z, np.array([1]), 0.5)
    assert np.isnan(loss)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_adam_takes_the_same_steps_also_where_memory_is_not_contiguous(dtype):
    rng = np.random.default_rng(4)
    start = rng.normal(size=(6, 5)).astype(dtype)
    ours = {"plain": start.copy(), "turned": start.T.copy().T, "part": start.copy()[:, ::2]}
    theirs = {name: value.copy() for name, value in ours.items()}
    quick, plain = fast.adam.Adam(ours, lr=0.05), Adam(theirs, lr=0.05)
    for _ in range(5):
        grads = {name: rng.normal(size=value.shape).astype(dtype) for name, value in ours.items()}
        quick.step(grads)
        plain.step(grads)
    both_close(ours, theirs, dtype)


@pytest.mark.parametrize("width", [(), (5,)])
def test_adam_adds_a_few_rows_to_a_larger_gradient(width):
    rng = np.random.default_rng(6)
    start, part = rng.normal(size=(7, *width)), rng.normal(size=(3, *width))
    totals = [start.copy(), start.copy()]
    for adam, total in zip((fast.adam.Adam, tables.Adam), totals, strict=True):
        adam.add_rows(total, np.array([1, 3, 6]), part)
    both_close(*totals, np.float64)
    assert np.array_equal(totals[0][[0, 2, 4, 5]], start[[0, 2, 4, 5]])
    assert np.allclose(totals[0][[1, 3, 6]], start[[1, 3, 6]] + part)


def test_an_item_past_the_end_is_refused_as_numpy_refuses_it():
    u, E, bias = np.zeros((1, 1, 2)), np.zeros((3, 2)), np.zeros(3)
    for positive, negative in ((3, 0), (0, 3)):
        for room in (model, fast):
            with pytest.raises(IndexError):
                room.scorer.forward(u, E, bias, np.array([[positive]]), np.array([[negative]]))


def test_a_state_of_another_type_and_arrays_that_may_not_be_written_to_are_taken():
    rng = np.random.default_rng(5)
    x, W, U, b, h0, c0 = (rng.normal(size=s).astype(np.float32)
                          for s in ((2, 3, 4), (4, 8), (2, 8), 8, (2, 2), (2, 2)))  # fmt: skip
    for array in (x, W, U, b, h0):
        array.flags.writeable = False
    found = [room.lstm.forward(x, W, U, b, (h0, c0.astype(float)))[0] for room in (model, fast)]
    assert np.allclose(*found, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_logits_of_all_items_are_the_same_in_parts(monkeypatch, leading, dtype):
    monkeypatch.setattr(fast.scorer, "ITEMS", 4)
    rng = np.random.default_rng(0)
    u, E, bias = (rng.normal(size=size).astype(dtype) for size in ((*leading, 5), (11, 5), 11))
    both_close(*(room.scorer.every_item(u, E, bias) for room in (fast, model)), dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_ranking_is_judged_the_same_in_one_pass(dtype):
    rng = np.random.default_rng(0)
    logits = rng.normal(-5, 2, (6, 2500)).astype(dtype)
    logits[:, :3] = -np.inf
    logits[1, 20] = logits[1, 1500]
    logits[2, 7] = 90
    logits[3, 9] = np.nan
    targets = np.array([0, 20, 7, 30, 2499, int(logits[5].argmax())])
    one, other = (judge(logits[[0, 1, 2, 4, 5]], targets[[0, 1, 2, 4, 5]])
                  for judge in (fast.metrics.judge, metrics.judge))  # fmt: skip
    for ours, theirs in zip((*one[:4], *one[4]), (*other[:4], *other[4]), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4 if dtype == np.float32 else 1e-9)
    for judge in (fast.metrics.judge, metrics.judge):
        rank, _, _, square, _ = judge(logits, targets)
        assert rank[3] == 2499 and np.isnan(square[3])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_interests_at_the_end_of_each_history_are_the_same(dtype):
    rng = np.random.default_rng(0)
    shapes = (4, 3), (4, 3), (4, 9, 5), (6, 5), 5, 5
    long, h, x, Wu, bu, fade = (rng.normal(size=size).astype(dtype) for size in shapes)
    lengths = np.array([1, 9, 4, 6])
    both_close(*(room.interest.last(long, h, x, lengths, Wu, bu, fade) for room in (fast, model)),
               dtype)  # fmt: skip


def test_the_compiled_embedding_picks_rows_of_a_table_in_less_memory_too():
    rng = np.random.default_rng(4)
    E = Table(rng.integers(-9, 9, (7, 3)).astype(np.int8), rng.random((7, 1), np.float32))
    items, kinds = rng.integers(0, 7, (2, 5)), rng.integers(0, 2, (2, 5))
    n, A, F = (rng.random(shape, np.float32) for shape in ((2, 5, 2), (2, 3), (2, 3)))
    ours, _ = fast.embedding.forward(items, kinds, n, E, A, F)
    assert np.allclose(ours, model.embedding.forward(items, kinds, n, np.asarray(E), A, F)[0])
