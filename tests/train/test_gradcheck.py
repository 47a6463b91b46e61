"""The gradients are right, and the check that says so can fail."""

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tinyrec import model
from tinyrec.model.network import LAYERS
from tinyrec.train import gradcheck

# A usual mistake each: (file, the right line, the wrong one).
MUTANTS = {
    "embedding: an item met twice counts once": (
        "embedding", "np.add.at(dE, cache.items, dx)", "dE[cache.items] += dx"),
    "lstm: the forget gate is forgotten": (
        "lstm", "df = dc * c_prev", "df = 0 * c_prev"),
    "lstm: dc of the step after is not carried": (
        "lstm", "dc = dc + dh * o", "dc = dh * o"),
    "lstm: dc passes the forget gate unchanged": (
        "lstm", "dc_prev = dc * f", "dc_prev = dc"),
    "lstm: dh of the step after is not carried": (
        "lstm", "dh_t = dh[..., t, :] + dh_next", "dh_t = dh[..., t, :]"),
    "lstm: half of the sigmoid's derivative": (
        "lstm", "di = di * i * (1 - i)", "di = di * i"),
    "lstm: the derivative of tanh without the square": (
        "lstm", "dg = dg * (1 - g**2)", "dg = dg * (1 - g)"),
    "lstm: the output gate sees c instead of tanh c": (
        "lstm", "do = dh * tanh_c", "do = dh * c"),
    "lstm: U is multiplied by h of the same step": (
        "lstm", "weight_gradient(h_before, dz)", "weight_gradient(h, dz)"),
    "attention: 1/√H is missing": (
        "attention", "dscores = dscores / sqrt(q.shape[-1])", "dscores = dscores * 1"),
    "attention: the softmax's sum is not subtracted": (
        "attention", "w * (dw - (dw * w).sum(axis=-1, keepdims=True))", "w * dw"),
    "attention: the scores are not transposed for the keys": (
        "attention", "transpose(dscores) @ q", "dscores @ q"),
    "attention: a matrix is not transposed": (
        "attention", "dq @ Wq.T", "dq @ Wq"),
    "interest: long and short are swapped": (
        "interest", "return (dlong, dh)", "return (dh, dlong)"),
    "scorer: the negatives' part of du is lost": (
        "scorer", " + dz_negative @ E[negatives]", ""),
    "loss: the positive's weight is left out": (
        "loss", "-weight * cache.beta * sigmoid", "-weight * sigmoid"),
    "dropout: the gradient is not scaled": (
        "dropout", "return forward(dx, *cache)[0], {}", "return dx * cache[0], {}"),
    "network: the item vectors' second use is forgotten": (
        "network", 'd_embedding["E"] + d_scorer["E"]', 'd_scorer["E"]'),
    "network: the gradient goes around the dropout": (
        "network", "undrop(dlong, caches.drop_long)", "(dlong, {})"),
}  # fmt: skip


def test_every_gradient_is_within_tolerance():
    lines = list(gradcheck.report(model))
    assert {(line.layer, line.steps) for line in lines} == {
        (layer, T) for layer in (*LAYERS, "network") for T in (1, 5)
    }
    wrong = [line for line in lines if not line.error <= 1e-7]
    assert wrong == []


@pytest.mark.parametrize("mistake", MUTANTS)
def test_the_check_fails_for(mistake, monkeypatch):
    name, right, wrong = MUTANTS[mistake]
    original = getattr(model, name)
    source = Path(original.__file__).read_text("utf-8")
    assert source.count(right) == 1
    mutant = ModuleType(original.__name__)
    mutant.__package__ = original.__package__
    exec(source.replace(right, wrong), mutant.__dict__)
    room = SimpleNamespace(**{layer: getattr(model, layer) for layer in LAYERS})
    setattr(room, name, mutant)
    if name == "network":
        monkeypatch.setattr(gradcheck, "network", mutant)
    caught = [line for line in gradcheck.report(room) if line.error > gradcheck.TOLERANCE]
    assert caught
    assert name == "network" or name in {line.layer for line in caught}
