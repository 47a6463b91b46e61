"""What does each past event add to an item's logit? (article §9.5) Five answers, to be compared.

T past events, N items, R histories asked about at once. A logit here is `Recommender.logits`':
an item's log-odds of being the next one, whose σ is the chance that is shown.

    occlusion   the logit less the one had the event not happened (Zeiler & Fergus, 2014): gaps
                in time then reach from the event before it to the one after
    gradients   integrated gradients along the event's vector x, from zero to what it is
                (Sundararajan et al., 2017); they sum to the logit less that of all x at zero
    attention   the weight (9) at the last event: no part of a logit, but often taken for one
    recency     a step further back counts a fifth less
    random      numbers drawn by a seed that the history and the item make
"""

import copy

import numpy as np

from .. import model as readable
from ..errors import InputError
from ..model import network
from ..preprocess import catalogue, sequences
from ..preprocess.sequences import Log
from ..results import metrics
from ..results.baselines import DECAY
from ..train.workers import one_blas_thread, workers

# The way from zero is cut into pieces, in each of which Simpson's rule needs the gradients at both
# ends and in the middle. A piece that misses its own rise by too much is cut again. Where the
# recurrence tips from one course to another no cut is fine enough: the rise of a narrow piece, or
# of any once there are MOST points, is shared out as the steepest of its gradients would, whose
# direction is that of the tipping.
PIECES, MOST = 4, 100
INCOMPLETE = 5e-4  # of the whole rise, or of a tenth of a logit where it rises less
NARROW = 1e-4
BLOCK = 25  # histories that a worker takes at a time


def contributions(rec, item, user=None, history=None, method="occlusion"):
    """What each past event adds to the logit of `item`, a raw id: (T,), oldest first.

    Events further back than the model looks (max_len) have zero. Raises InputError as
    `recommend` does, for an item that is not in the log, and for a method that is not in METHODS.
    """
    if method not in METHODS:
        raise InputError(f"no method {method!r}: there are {', '.join(METHODS)}")
    past = rec.past(user, history)
    return of_past(rec, past, rec.catalogue.numbers([item])[0], method)


def of_past(rec, past, item, method):
    """As `contributions`, for a Log of one user and an item's number."""
    found = np.zeros(len(past.items), np.float32)
    with one_blas_thread():
        said = METHODS[method](rec, past, item)
    metrics.check_numbers(said)
    found[-len(said) :] = said
    return found


def looked_at(rec, past):
    """How many of the past events are looked at, the last ones."""
    ((start, stop),) = sequences.latest(past.starts[None], rec.settings["max_len"])
    return int(stop - start)


def copy_with(rec, params):
    """The same model with other parameters."""
    other = copy.copy(rec)
    other.params = params
    return other


def logits(rec, past, keep):
    """Every item's logit after what each row of keep (R, T) leaves of a past: (R, N)."""
    rows, at = np.nonzero(keep)
    if len(rec.catalogue.kinds) > 1:  # an item twice in a row is one step, as in a log
        ends = np.append((np.diff(rows) != 0) | (np.diff(past.items[at]) != 0), True)
        rows, at = rows[ends], at[ends]
    starts = np.searchsorted(rows, np.arange(len(keep) + 1))
    log = Log(past.items[at], past.kinds[at], starts, numbers(rec, past, rows, at))
    spans = sequences.histories(log)
    # for a few histories the readable layers are quicker than compiling the others
    backend = readable if rec.layers == "fast" else rec.backend
    blocks = np.array_split(spans, -(-len(spans) // BLOCK))
    with workers(rec.threads) as pool:
        return np.concatenate(list(pool.map(lambda b: rec.score(b, log, backend), blocks)))


def numbers(rec, past, rows, at):
    """The numbers (n, R) of the events that are left, those `at` some places of a past for each of
    the `rows`: times since and until are as they had been had the others not happened.
    """
    found, scales = past.numbers[at], rec.catalogue.scales
    if "since" not in scales:
        return found
    column = {name: place for place, name in enumerate(scales)}  # of times: they come first

    def seconds(name):
        mean, deviation, _ = scales[name]
        z = past.numbers[:, column[name]].astype(float)
        return np.where(z == 0, np.nan, np.expm1(z * deviation + mean))  # 0: it is not known

    asked = seconds("until")[-1] if "until" in scales else np.nan
    time = np.cumsum([0, *seconds("since")[1:], asked])
    same = np.diff(rows) == 0  # an event and the next are of the same row
    after = np.append(np.where(same, at[1:], len(past.items)), len(past.items))
    before = np.append(-1, np.where(same, at[:-1], -1))
    since = np.where(before < 0, np.nan, time[at] - time[before])
    gaps = {"since": (before != at - 1, since), "until": (after != at + 1, time[after] - time[at])}
    for name in gaps.keys() & scales.keys():
        others, gap = gaps[name]
        mean, deviation, _ = scales[name]
        z = (np.log1p(gap[others]) - mean) / deviation
        found[others, column[name]] = np.nan_to_num(z)
    return found


def leave_one_out(rec, past):
    """Every item's logit after the whole past, and without each event looked at: (1 + R, N)."""
    R = looked_at(rec, past)
    keep = np.ones((1 + R, len(past.items)), bool)
    keep[1:, -R:] = ~np.eye(R, dtype=bool)
    return logits(rec, past, keep)


def occlusion(rec, past, item):
    if len(past.items) == 1:  # without any event, u is bu
        return gradients(rec, past, item)
    z = leave_one_out(rec, past)[:, item]
    return z[0] - z[1:]


def gradients(rec, past, item):
    x = own_layers(rec, past)[1].lstm.x
    e, slope = rec.params["E"][item], rec.calibration.slope

    def moved(block):
        u, back = from_vectors(rec.params, block.astype(x.dtype)[:, None, None] * x, readable)
        return u @ e, np.einsum("rtd,td->rt", back(np.broadcast_to(e, u.shape)), x)

    def along(way):
        """With x times each number (R,): the logit (R,), and how an event moves it (R, T)."""
        blocks = np.array_split(way, -(-len(way) // BLOCK))
        return map(np.concatenate, zip(*map(moved, blocks), strict=True))

    way = np.linspace(0, 1, 2 * PIECES + 1)
    z, moves = along(way)
    least = INCOMPLETE * max(0.1, abs(z[-1] - z[0]))
    while True:
        width = way[2::2] - way[:-2:2]
        parts = (moves[:-2:2] + 4 * moves[1::2] + moves[2::2]) * width[:, None] / 6
        rise = z[2::2] - z[:-2:2]
        missing = abs(parts.sum(axis=1) - rise)
        worst = np.flatnonzero((missing > least) & (width > NARROW))
        worst = worst[np.argsort(-missing[worst])][: (MOST - len(way)) // (2 * PIECES - 2)]
        if not len(worst):
            for piece in np.flatnonzero(missing > least):
                three = moves[2 * piece : 2 * piece + 3]
                steepest = three[abs(three.sum(axis=1)).argmax()]
                parts[piece] = rise[piece] * steepest / (steepest.sum() or 1)
            return slope * parts.sum(axis=0)
        halves, cuts = np.append(2 * worst, 2 * worst + 1), np.arange(1, PIECES) / PIECES
        new = (way[halves, None] + np.diff(way)[halves, None] * cuts).ravel()
        way, z, moves = map(np.concatenate, zip((way, z, moves), (new, *along(new)), strict=True))
        order = np.argsort(way)
        way, z, moves = way[order], z[order], moves[order]


def from_vectors(params, x, layers):
    """(2) to (11) from the events' vectors x (R, T, D) on.

    Returns u (R, D) after the last event, and a function that takes a gradient in it back to x.
    """
    p = params
    h, walked = layers.lstm.forward(x, p["W"], p["U"], p["b"])
    long, attended = layers.attention.forward(h, p["Wq"], p["Wk"])
    u, both = layers.interest.forward(long, h, x, p["Wu"], p["bu"], p["fade"])

    def back(du_last):
        du = np.zeros_like(u)
        du[:, -1] = du_last
        (dlong, dh, dx), _ = layers.interest.backward(du, both)
        dh_attended, _ = layers.attention.backward(dlong, attended)
        dx_walked, _ = layers.lstm.backward(dh + dh_attended, walked)
        return dx + dx_walked

    return u[:, -1], back


def own_layers(rec, past):
    """u (T, D) after each event that is looked at, and the caches of the layers.

    Raises InputError for layers of one's own, whose insides are not known here.
    """
    if not isinstance(rec.layers, str):
        raise InputError("what is inside is known for the package's own layers only; "
                         "occlusion explains any")  # fmt: skip
    with one_blas_thread():
        start = len(past.items) - looked_at(rec, past)
        seen = catalogue.cut(past, start, len(past.items))
        return network.interest(rec.params, *seen, readable)


def attention(rec, past, item):
    return own_layers(rec, past)[1].attention.w[-1]


def recency(rec, past, item):
    return DECAY ** np.arange(looked_at(rec, past))[::-1]


def random(rec, past, item):
    return np.random.default_rng([item, *past.items]).random(looked_at(rec, past))


METHODS = {
    "occlusion": occlusion,
    "gradients": gradients,
    "attention": attention,
    "recency": recency,
    "random": random,
}
