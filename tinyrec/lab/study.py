"""What is each part worth? `tinyrec study` trains with one thing changed at a time.

Every row has the same epochs and the same seeds; what changes is a setting, or a layer that is
replaced by a simpler one (the network takes any that have forward and backward).
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from .. import explain
from ..explain import faithful, linear
from ..fast import interest, replaced
from ..model import functions
from ..recommender import Recommender
from ..results import metrics, report


def no_attention():
    """In place of attention: no long-term interest."""

    def forward(h, Wq, Wk):
        return np.zeros_like(h), (Wq, Wk)

    def backward(dlong, cache):
        Wq, Wk = cache
        return np.zeros_like(dlong), {"Wq": np.zeros_like(Wq), "Wk": np.zeros_like(Wk)}

    return SimpleNamespace(forward=forward, backward=backward)


def no_lstm():
    """In place of the LSTM: the item vectors themselves (needs H = D)."""

    def forward(x, W, U, b):
        return x, (W, U, b)

    def backward(dh, cache):
        return dh, {name: np.zeros_like(a) for name, a in zip("WUb", cache, strict=True)}

    return SimpleNamespace(forward=forward, backward=backward)


def interest_from(*parts):
    """In place of (11): u from some of "long", "h" and "x" alone."""
    names = ("long", "h", "x")

    def some(values):
        return [value if name in parts else np.zeros_like(value)
                for name, value in zip(names, values, strict=True)]  # fmt: skip

    def forward(long, h, x, Wu, bu, fade):
        return interest.forward(*some((long, h, x)), Wu, bu, fade)

    def backward(du, cache):
        inputs, grads = interest.backward(du, cache)
        return tuple(some(inputs)), grads

    return SimpleNamespace(forward=forward, backward=backward)


def softmax_loss():
    """In place of (13): the softmax of the next item among the negatives, plain cross-entropy."""

    def forward(z_positive, z_negative, lengths, beta, rows=None):
        rows = int(rows or lengths.sum())
        logits = np.concatenate([z_positive[..., None], z_negative], axis=-1)
        p = functions.softmax(logits)
        real = np.arange(logits.shape[-2]) < lengths[..., None]
        loss = -(np.log(np.maximum(p[..., 0], 1e-30)) * real).sum() / rows
        p[..., 0] -= 1
        return loss, p * (real / rows)[..., None].astype(p.dtype)

    def backward(dloss, dlogits):
        return (dlogits[..., 0], np.ascontiguousarray(dlogits[..., 1:])), {}

    return SimpleNamespace(forward=forward, backward=backward)


class WithoutPrior(Recommender):
    """The item biases start at zero, not at the log-odds that the sampling implies."""

    def _initial(self, counts):
        params = super()._initial(counts)
        params["bias"][:] = 0
        return params


def rows(settings, items):
    """{row: (class, settings that differ)}; settings: those of the first row."""
    D, H, K = settings["dim"], settings["hidden"], settings["negatives"]
    from_long, without_x, from_x = (
        replaced(interest=interest_from(*parts)) for parts in (("long", "x"), ("long", "h"), "x")
    )
    lstm_only = replaced(attention=no_attention())
    attention_only = replaced(lstm=no_lstm(), interest=interest_from("long", "x"))
    return {
        "as it is": (Recommender, {}),
        "without recent in (11)": (Recommender, {"layers": without_x}),
        "LSTM only: u from h, recent": (Recommender, {"layers": lstm_only}),
        "LSTM, attention: u from long, recent": (Recommender, {"layers": from_long}),
        "neither: u from recent": (Recommender, {"layers": from_x}),
        "attention only: no LSTM": (Recommender, {"layers": attention_only, "hidden": D}),
        "item biases start at zero": (WithoutPrior, {}),
        f"K = {K // 4}": (Recommender, {"negatives": K // 4}),
        f"K = {K * 4}": (Recommender, {"negatives": K * 4}),
        "plain cross-entropy: t = 0": (Recommender, {"t": 0.0}),
        "full calibration: t = 1": (Recommender, {"t": 1.0}),
        "the article's loss: K = 1, t = 0": (Recommender, {"negatives": 1, "t": 0.0}),
        "softmax, K = items": (Recommender, {"layers": replaced(loss=softmax_loss()),
                                             "negatives": items}),
        f"D = {D // 2}": (Recommender, {"dim": D // 2}),
        f"D = {D * 2}": (Recommender, {"dim": D * 2}),
        f"H = {H // 2}": (Recommender, {"hidden": H // 2}),
        f"H = {H * 2}": (Recommender, {"hidden": H * 2}),
        "history of 5": (Recommender, {"max_len": 5}),
        "no dropout": (Recommender, {"dropout": 0.0}),
        "kinds of event unknown": (Recommender, {}),
    }  # fmt: skip


def study(events, settings, seeds=3):
    """Yields (row, test metrics of each seed, mean seconds of training)."""
    first = Recommender(**settings).fit(events)
    blurred = replace(events, kind=np.zeros_like(events.kind), kinds=("event",))
    for row, (kind, changed) in rows(first.settings, len(events.items)).items():
        log = blurred if row.startswith("kinds") else events
        found, seconds = [], []
        for seed in range(seeds):
            model = kind(**settings | changed | {"seed": seed}).fit(log)
            found.append(model.evaluate())
            seconds.append(sum(entry["seconds"] for entry in model.history_))
        yield row, found, float(np.mean(seconds))


def explanations(model, bundled):
    """Yields the tables of `study --explain`; bundled: the model has learnt the bundled shop."""
    yield report.faithful(faithful.test(model), faithful.COLUMNS)
    if bundled:
        yield report.planted(faithful.planted(model))
    yield report.importance(explain.importance(model))
    log, spans = model.targets()
    simple = linear.of(model)
    quality = {"the network": metrics.quality(model.score, log, spans),
               "logistic regression": metrics.quality(simple.score, log, spans)}  # fmt: skip
    agreed = linear.agreement(model.score, simple.score, log, spans[:500])
    yield report.linear(quality, dict(zip(linear.FEATURES, simple.weights, strict=True)), agreed)
