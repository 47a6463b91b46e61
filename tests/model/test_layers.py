"""Promises of the layers, one by one; both rooms make them: model/ and its compiled twin."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tinyrec import fast, model
from tinyrec.model import network
from tinyrec.model.network import LAYERS
from tinyrec.train import gradcheck

ROOMS = [pytest.param(model, id="model"), pytest.param(fast, id="fast")]


def sigma(z):
    return 1 / (1 + math.exp(-z))


def lstm_by_hand(x, W, U, b):
    """One user, written from the equations with nothing but floats."""
    T, D = x.shape
    H = len(U)
    h, c = [0.0] * H, [0.0] * H
    out = []
    for t in range(T):
        z = [
            b[j] + sum(x[t][d] * W[d][j] for d in range(D)) + sum(h[m] * U[m][j] for m in range(H))
            for j in range(4 * H)
        ]
        i, f = [sigma(v) for v in z[:H]], [sigma(v) for v in z[H : 2 * H]]
        g, o = [math.tanh(v) for v in z[2 * H : 3 * H]], [sigma(v) for v in z[3 * H :]]
        c = [f[j] * c[j] + i[j] * g[j] for j in range(H)]
        h = [o[j] * math.tanh(c[j]) for j in range(H)]
        out.append(h)
    return np.array(out)


def attention_by_hand(h, Wq, Wk):
    q, k = h @ Wq, h @ Wk
    long, weights = np.zeros_like(h), np.zeros((len(h), len(h)))
    for t in range(len(h)):
        e = [math.exp(sum(q[t] * k[s]) / math.sqrt(q.shape[1])) for s in range(t + 1)]
        for s in range(t + 1):
            weights[t, s] = e[s] / sum(e)
            long[t] += weights[t, s] * h[s]
    return long, weights


@pytest.mark.parametrize("room", ROOMS)
def test_lstm_equals_the_equations_written_with_floats(room):
    rng = np.random.default_rng(0)
    x, W, U, b = (rng.normal(size=s) for s in ((6, 3), (3, 20), (5, 20), 20))
    h, _ = room.lstm.forward(x, W, U, b)
    assert np.abs(h - lstm_by_hand(x, W, U, b)).max() < 1e-12


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("room", ROOMS)
def test_what_follows_a_history_is_the_last_row_of_what_training_computes(room, dtype):
    rng = np.random.default_rng(2)
    params = network.initial(rng, 9, 2, 5, 4, dtype, numbers=3)
    params = {name: rng.normal(0, 0.7, p.shape).astype(dtype) for name, p in params.items()}
    items, kinds = rng.integers(0, 9, (4, 7)), rng.integers(0, 2, (4, 7))
    lengths, numbers = np.array([7, 1, 3, 6]), rng.normal(size=(4, 7, 3)).astype(dtype)
    u, _ = network.interest(params, items, kinds, numbers, room)
    expected = u[np.arange(4), lengths - 1] @ params["E"].T + params["bias"]
    z = network.next_logits(params, items, kinds, numbers, lengths, room)
    assert z.dtype == dtype
    assert z == pytest.approx(expected, rel=1e-4 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("layer", ["dropout", "attention", "interest"])
def test_what_follows_a_history_goes_through_layers_of_ones_own(layer):
    rng = np.random.default_rng(3)
    params = network.initial(rng, 9, 2, 5, 4, np.float64)
    items, lengths, none = rng.integers(0, 9, (2, 6)), np.array([6, 4]), np.zeros((2, 6, 0))

    def doubled(*arguments):
        out, cache = getattr(model, layer).forward(*arguments)
        return 2 * out, cache

    layers = fast.replaced(**{layer: SimpleNamespace(forward=doubled)})
    u, _ = network.interest(params, items, 0 * items, none, layers)
    z = network.next_logits(params, items, 0 * items, none, lengths, layers)
    assert z == pytest.approx(u[[0, 1], lengths - 1] @ params["E"].T)


@pytest.mark.parametrize("room", ROOMS)
def test_attention_equals_the_equations_written_with_floats(room):
    rng = np.random.default_rng(0)
    h, Wq, Wk = (rng.normal(size=s) for s in ((6, 5), (5, 5), (5, 5)))
    long, cache = room.attention.forward(h, Wq, Wk)
    expected, weights = attention_by_hand(h, Wq, Wk)
    assert np.abs(long - expected).max() < 1e-12
    assert np.abs(cache.w - weights).max() < 1e-12


@pytest.mark.parametrize("room", ROOMS)
def test_lstm_and_attention_agree_with_pytorch_forward_and_backward(room):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(1)
    B, T, D, H = 3, 7, 5, 4
    shapes = (B, T, D), (D, 4 * H), (H, 4 * H), 4 * H, (H, H), (H, H)
    arrays = [rng.normal(size=shape) for shape in shapes]
    x, W, U, b, Wq, Wk = (torch.tensor(a, requires_grad=True) for a in arrays)
    layer = torch.nn.LSTM(D, H, batch_first=True).double()
    weights = {"weight_ih_l0": W.T, "weight_hh_l0": U.T, "bias_ih_l0": b}
    weights["bias_hh_l0"] = torch.zeros(4 * H, dtype=torch.float64)
    h, _ = torch.func.functional_call(layer, weights, x)
    long = torch.nn.functional.scaled_dot_product_attention(h @ Wq, h @ Wk, h, is_causal=True)
    d_long = rng.normal(size=(B, T, H))
    long.backward(torch.tensor(d_long))

    our_h, lstm = room.lstm.forward(*arrays[:4])
    our_long, attention = room.attention.forward(our_h, *arrays[4:])
    dh, d_attention = room.attention.backward(d_long, attention)
    dx, d_lstm = room.lstm.backward(dh, lstm)
    ours = (our_long, dx, *d_lstm.values(), *d_attention.values())
    theirs = (long.detach(), x.grad, W.grad, U.grad, b.grad, Wq.grad, Wk.grad)
    for mine, their in zip(ours, theirs, strict=True):
        assert np.abs(mine - their.numpy()).max() < 1e-10


@pytest.mark.parametrize("room", ROOMS)
def test_lstm_goes_on_from_the_state_it_is_given(room):
    rng = np.random.default_rng(2)
    x, W, U, b = (rng.normal(size=s) for s in ((2, 6, 3), (3, 16), (4, 16), 16))
    whole, _ = room.lstm.forward(x, W, U, b)
    first, _ = room.lstm.forward(x[:, :2], W, U, b)
    _, readable = model.lstm.forward(x[:, :2], W, U, b)
    rest, _ = room.lstm.forward(x[:, 2:], W, U, b, (first[:, -1], readable.c[:, -1]))
    assert np.allclose(np.concatenate([first, rest], axis=1), whole, atol=1e-14)


def run(room, name, dtype=np.float64, T=4):
    """One layer on made-up arguments: (its module, arguments, outputs, cache, d_outputs)."""
    rng = np.random.default_rng(3)
    _, arguments = gradcheck.layer_cases(rng, T)[name]
    arguments = {
        n: a.astype(dtype) if getattr(a, "dtype", None) == np.float64 else a
        for n, a in arguments.items()
    }
    layer = getattr(room, name)
    outputs, cache = layer.forward(*arguments.values())
    shapes = map(np.shape, gradcheck.as_tuple(outputs))
    d_outputs = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    d_outputs = tuple(d_outputs) if isinstance(outputs, tuple) else d_outputs[0]
    return layer, arguments, outputs, cache, d_outputs


def arrays_in(value):
    """Every array in nested tuples and dicts."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [array for part in value for array in arrays_in(part)]
    return [value] if isinstance(value, np.ndarray) else []


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", LAYERS)
def test_no_argument_is_written_to_and_backward_twice_gives_the_same_twice(room, name):
    layer, arguments, _, cache, d_outputs = run(room, name)
    given = [a.copy() for a in arrays_in((arguments, d_outputs))]
    once = [a.copy() for a in arrays_in(layer.backward(d_outputs, cache))]
    twice = arrays_in(layer.backward(d_outputs, cache))
    for before, after in zip(given, arrays_in((arguments, d_outputs)), strict=True):
        assert np.array_equal(before, after)
    for first, second in zip(once, twice, strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_in_its_inputs_type(room, name):
    layer, _, outputs, cache, d_outputs = run(room, name, np.float32)
    found = arrays_in((gradcheck.as_tuple(outputs), layer.backward(d_outputs, cache)))
    assert {a.dtype for a in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize("room", ROOMS)
def test_one_user_without_a_batch_axis_gets_what_the_user_gets_in_a_batch(room):
    rng = np.random.default_rng(4)
    x, W, U, b = (rng.normal(size=s) for s in ((3, 5, 2), (2, 12), (3, 12), 12))
    Wq, Wk = rng.normal(size=(2, 3, 3))
    h, _ = room.lstm.forward(x, W, U, b)
    long, _ = room.attention.forward(h, Wq, Wk)
    h_one, _ = room.lstm.forward(x[1], W, U, b)
    long_one, _ = room.attention.forward(h_one, Wq, Wk)
    assert np.allclose(h_one, h[1], atol=1e-14)
    assert np.allclose(long_one, long[1], atol=1e-14)


def padded_block(pad):
    """The same two users, with `pad` steps of padding more."""
    rng = np.random.default_rng(5)
    items, kinds, positives = rng.integers(0, 3, (3, 2, 4))
    garbage = rng.integers(0, 3, (3, 2, pad))
    columns = [
        np.concatenate([real, more], axis=1)
        for real, more in zip((items, kinds, positives), garbage, strict=True)
    ]
    negatives = rng.integers(0, 3, (2, 5)) * 0 + [0, 1, 2, 2, 1]
    numbers = np.concatenate([np.ones((2, 4, 2)), rng.normal(size=(2, pad, 2))], axis=1)
    return model.network.Block(*columns, negatives, [4, 2], numbers)


@pytest.mark.parametrize("room", ROOMS)
def test_padding_changes_neither_the_loss_nor_any_gradient(room):
    rng = np.random.default_rng(6)
    params = model.network.initial(rng, 3, 3, 4, 3, np.float64, numbers=2)
    found = []
    for pad in (0, 7):
        block = padded_block(pad)._replace(lengths=np.array([4, 2]))
        loss, _, cache = model.network.forward(params, block, 0.5, room)
        found.append((loss, model.network.backward(cache)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    for name, gradient in found[0][1].items():
        assert np.allclose(gradient, found[1][1][name], atol=1e-14), name


def test_the_future_has_no_weight():
    rng = np.random.default_rng(7)
    h, Wq, Wk = (rng.normal(size=s) for s in ((2, 6, 3), (3, 3), (3, 3)))
    _, cache = model.attention.forward(h, Wq, Wk)
    assert np.all(cache.w[:, *np.triu_indices(6, 1)] == 0)
    assert np.allclose(cache.w.sum(axis=-1), 1)


def test_beta_is_one_for_plain_cross_entropy_and_alpha_at_full_calibration():
    assert model.loss.beta(101, 10, t=0) == 1
    assert model.loss.beta(101, 10, t=1) == pytest.approx(0.1)
    assert model.loss.beta(101, 10, t=0.75) == pytest.approx(1 - 0.75 * 0.9)


def test_at_the_prior_logits_the_loss_pulls_no_item_up_or_down_on_average():
    counts = np.array([40, 10, 1, 29])
    K, beta = 3, 0.7
    bias = model.loss.prior_logits(counts - 1.0, K, beta)
    p = 1 / (1 + np.exp(-bias))
    as_positive = beta * (1 - p) * counts / counts.sum()
    as_negative = K * p / len(counts)
    assert np.allclose(as_positive, as_negative)


def test_the_loss_is_the_articles_binary_cross_entropy_where_beta_is_one():
    z = np.array([[0.3], [-1.2]])
    negatives = np.array([[[0.5, 2.0]], [[-0.4, 0.0]]])
    loss, _ = model.loss.forward(z, negatives, np.array([1, 1]), 1.0)
    p = 1 / (1 + np.exp(-np.concatenate([z[..., None], negatives], axis=-1)))
    y = np.array([1.0, 0.0, 0.0])
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert loss == pytest.approx(expected)


def test_the_network_takes_any_layer_with_the_same_signature():
    calls = []

    def forward(*arguments):
        calls.append(len(arguments))
        return model.lstm.forward(*arguments)

    mine = SimpleNamespace(forward=forward, backward=model.lstm.backward)
    room = SimpleNamespace(**{name: getattr(model, name) for name in LAYERS} | {"lstm": mine})
    params = model.network.initial(np.random.default_rng(0), 3, 3, 4, 3)
    nothing = np.zeros((1, 2, 0))
    model.network.interest(params, np.array([[0, 1]]), np.array([[0, 0]]), nothing, room)
    assert calls == [4]
