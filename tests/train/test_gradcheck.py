"""The gradients are right, and the check that says so can fail."""

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tinyrec import model
from tinyrec.coursework import mistakes
from tinyrec.model.network import LAYERS
from tinyrec.train import gradcheck

# Usual mistakes of the exercises that concern the way back, by their ids.
USUAL = {
    "lstm": (
        "dh-next-lost", "dc-next-lost", "dc-without-forget-gate", "dc-without-tanh-slope",
        "dc-without-output-gate", "do-of-memory", "df-of-new-memory", "di-dg-swapped",
        "input-gate-slope", "forget-gate-slope", "candidate-slope", "candidate-slope-of-sigmoid",
        "output-gate-slope", "dU-of-new-state", "db-mean", "dW-sign",
    ),
    "attention": (
        "softmax-gradient-sum", "softmax-gradient-weight", "no-scale-backward", "dh-without-sum",
        "dh-weights-not-transposed", "dh-without-queries", "dh-without-keys", "dk-not-transposed",
        "dWq-dWk-swapped", "dWq-transposed",
    ),
    "scorer": ("du-without-negatives", "du-without-positive", "dE-counts-once",
               "dE-without-negatives", "dE-without-positives", "dbias-without-negatives",
               "dbias-without-positives", "dbias-mean"),
    "loss": ("dz-positive-sign", "no-beta-backward", "dz-positive-sigmoid", "dz-negative-sigmoid"),
}  # fmt: skip

# Others: (file, the right line, the wrong one).
MUTANTS = {
    "content: a vector that was left out gets a gradient": (
        "content", "np.where(own[:, None], de, 0)", "de"),
    "content: a bias that was left out gets a gradient": (
        "content", "np.where(own, dbias, 0)", "dbias"),
    "content: P learns from items with vectors of their own alone": (
        "content", "C.T @ de ", "C.T @ dE "),
    "content: w is forgotten": (
        "content", "C.T @ dbias", "0 * C.T @ dbias"),
    "content: the bias of all is the mean": (
        "content", "dbias.sum(keepdims=True)", "dbias.mean(keepdims=True)"),
    "embedding: an item met twice counts once": (
        "embedding", "np.add.at(dE, cache.items, dx)", "dE[cache.items] += dx"),
    "embedding: an event's numbers teach nothing": (
        "embedding", "dF = weight_gradient(cache.n, dx)", "dF = 0 * weight_gradient(cache.n, dx)"),
    "lstm: the forget gate is forgotten": (
        "lstm", "df = dc * c_prev", "df = 0 * c_prev"),
    "lstm: dc of the step after is not carried": (
        "lstm", "dc = dc + dh * o", "dc = dh * o"),
    "lstm: half of the sigmoid's derivative": (
        "lstm", "di = di * i * (1 - i)", "di = di * i"),
    "lstm: the derivative of tanh without the square": (
        "lstm", "dg = dg * (1 - g**2)", "dg = dg * (1 - g)"),
    "attention: a matrix is not transposed": (
        "attention", "dq @ Wq.T", "dq @ Wq"),
    "interest: long and short are swapped": (
        "interest", "return (dlong, dh, drecent)", "return (dh, dlong, drecent)"),
    "interest: the event's own part is lost": (
        "interest", "(dlong, dh, drecent)", "(dlong, dh, 0 * drecent)"),
    "interest: what comes from the step after is lost": (
        "interest", "+= decay * drecent[..., t, :]", "+= 0 * drecent[..., t, :]"),
    "dropout: the gradient is not scaled": (
        "dropout", "return forward(dx, *cache)[0], {}", "return dx * cache[0], {}"),
    "network: the item vectors' second use is forgotten": (
        "network", 'd_embedding["E"] + d_scorer["E"]', 'd_scorer["E"]'),
    "network: the gradient goes around the dropout": (
        "network", "undrop(dlong, caches.drop_long)", "(dlong, {})"),
}  # fmt: skip
EDITS = {layer: {m.id: (layer, m.old, m.new) for m in mistakes.load(layer)} for layer in USUAL}
MUTANTS |= {f"{layer}: {id}": EDITS[layer][id] for layer, ids in USUAL.items() for id in ids}


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
