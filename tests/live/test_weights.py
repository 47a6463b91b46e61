"""Other libraries compute the same from a model's weights, and give them back unchanged."""

import os

import numpy as np
import pytest

from tinyrec import InputError, Recommender
from tinyrec.live import weights as theirs
from tinyrec.model import network
from tinyrec.preprocess.events import clean


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    rows = {
        "user": np.repeat([f"u{user}" for user in range(20)], 10).tolist(),
        "item": rng.choice([f"i{item}" for item in range(9)], 200).tolist(),
        "event": rng.choice(["view", "buy"], 200).tolist(),
        "timestamp": [str(1000 + second) for second in range(200)],
    }
    return Recommender(dim=5, hidden=4, negatives=4, epochs=1, layers="readable").fit(clean(rows))


@pytest.fixture(scope="module")
def asked(model):
    """Items and kinds (2, 7) of histories, and the logits (2, 7, N) after each of their events."""
    rng = np.random.default_rng(1)
    items, kinds = rng.integers(0, 9, (2, 7)), rng.integers(0, 2, (2, 7))
    numbers = np.zeros((2, 7, len(model.params["F"])))
    u, _ = network.interest(model.params, items, kinds, numbers, model.backend)
    return items, kinds, u @ model.params["E"].T + model.params["bias"]


def test_pytorch_computes_the_same_by_the_recipe(model, asked):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    nn, F = torch.nn, torch.nn.functional
    recipe = theirs.__doc__.split("is\n\n")[1].split("\n\nPyTorch's")[0]
    space = {"nn": nn, "F": F, "torch": torch}
    source = recipe.replace("N, M, D, H):", "N, M, D, H):\n        super().__init__()")
    exec(f"class Module(nn.Module):\n{source}", space)
    N, D = model.params["E"].shape
    module = space["Module"](N, len(model.params["A"]), D, len(model.params["U"]))
    given = {name: torch.from_numpy(a) for name, a in theirs.weights(model).items()}
    module.load_state_dict(given)
    items, kinds, expected = asked
    with torch.no_grad():
        found = module(torch.from_numpy(items), torch.from_numpy(kinds)).numpy()
    assert found == pytest.approx(expected, abs=1e-5)
    back = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    again = theirs.with_weights(model, back)
    assert all(np.array_equal(again.params[name], model.params[name]) for name in model.params)


def test_keras_computes_the_same(model, asked):
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    keras = pytest.importorskip("keras", reason="Keras is not installed", exc_type=ImportError)
    w = theirs.weights(model, "keras")
    D, H = model.params["W"].shape[0], model.params["U"].shape[0]
    items, kinds, expected = asked
    x = w["items/embeddings"][items] + w["kinds/embeddings"][kinds]
    lstm = keras.layers.LSTM(H, return_sequences=True)
    lstm.build((None, None, D))
    lstm.set_weights([w["lstm/kernel"], w["lstm/recurrent_kernel"], w["lstm/bias"]])
    query, key = (keras.layers.Dense(H, use_bias=False) for _ in range(2))
    interest = keras.layers.Dense(D)
    for layer, width in ((query, H), (key, H), (interest, 2 * H)):
        layer.build((None, width))
    query.set_weights([w["query/kernel"]])
    key.set_weights([w["key/kernel"]])
    interest.set_weights([w["interest/kernel"], w["interest/bias"]])
    h = lstm(x)
    attention = keras.layers.Attention(use_scale=False)
    q = np.asarray(query(h)) / np.sqrt(H)
    long = attention([q, h, key(h)], use_causal_mask=True)
    recent = x.copy()
    for t in range(1, x.shape[1]):
        recent[:, t] += recent[:, t - 1] / (1 + np.exp(-w["fade"]))
    u = np.asarray(interest(np.concatenate([long, h], axis=-1))) + recent
    found = u @ w["items/embeddings"].T + w["bias"]
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("style", ["torch", "keras"])
def test_weights_come_back_through_a_safetensors_file(model, style, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    theirs.write_safetensors(model, tmp_path / "w.safetensors", style)
    again = theirs.read_safetensors(model, tmp_path / "w.safetensors", style)
    assert all(np.array_equal(again.params[name], model.params[name]) for name in model.params)
    (tmp_path / "bad.safetensors").write_bytes(b"no tensors")
    with pytest.raises(InputError, match=r"bad.safetensors"):
        theirs.read_safetensors(model, tmp_path / "bad.safetensors", style)


def test_both_biases_of_pytorch_are_added(model):
    given = theirs.weights(model)
    given[theirs.SECOND_BIAS] = np.ones_like(model.params["b"])
    assert np.allclose(theirs.with_weights(model, given).params["b"], model.params["b"] + 1)


def test_what_is_missing_or_of_another_shape_is_named(model):
    given = theirs.weights(model)
    with pytest.raises(InputError, match=r"lstm.weight_ih_l0 is missing"):
        theirs.with_weights(model, {n: a for n, a in given.items() if n != "lstm.weight_ih_l0"})
    with pytest.raises(InputError, match=r"lstm.weight_ih_l0 gives W the shape"):
        theirs.with_weights(model, given | {"lstm.weight_ih_l0": given["lstm.weight_ih_l0"].T})
    with pytest.raises(InputError, match='"torch" or "keras"'):
        theirs.weights(model, "jax")
