"""The exercises around the layers: the log, the gradient check, metrics, the compiled loop."""

import numpy as np

from ..preprocess import sequences
from ..results import metrics
from ..train import gradcheck
from . import references
from .exercise import T_H, Exercise, Mistake, Part
from .layers import GATE_MISTAKES

VIEW, CART, BUY = 0.0, 1.0, 2.0
MOST = 5  # events, above which a user may be a bot


def history(rng, user, kinds, items=9):
    """One user's events (n, 4) in order of time, from time 0 on; no item twice running."""
    n = len(kinds)
    item = np.cumsum(rng.integers(1, items, n)) % items
    return np.stack([np.full(n, user), item, kinds, np.arange(n)], axis=1).astype(float)


def tidy(rng):
    """Three users whom no rule touches; among the ids is 0."""
    kinds = ([VIEW, VIEW, CART, BUY], [VIEW, VIEW, VIEW], [VIEW, BUY, VIEW, VIEW])
    return [history(rng, user, kinds[user]) for user in range(3)]


def with_rows(log, rows):
    """The log with further rows in its middle."""
    return np.insert(log, 4, rows, axis=0)


def cleaning_logs(rng):
    """name of a part -> a log that only its rule touches; and one that all rules touch."""
    users = tidy(rng)
    log = np.concatenate(users)
    missing = with_rows(log, [[np.nan, 3, BUY, 5], [1, np.nan, VIEW, 6]])
    untimed = with_rows(log, [[1, 4, BUY, np.nan], [2, 3, VIEW, np.nan]])
    again = users[0][1] + [0, 0, 0, 9]  # the same item and kind, at another time
    duplicates = np.concatenate([users[0], [again], users[1], log[[1, 5]], users[2]])
    many = ([VIEW] * (MOST + 2), [VIEW] * MOST, [VIEW] * 6 + [BUY], [CART] * (MOST + 1))
    bots = np.concatenate([log, *[history(rng, 10 + n, kinds) for n, kinds in enumerate(many)]])
    tied = np.array([[0, item, VIEW, 40] for item in (7, 2, 5)])
    order = np.concatenate([rng.permutation(log), tied])
    a, b, c = rng.permutation(9)[:3]
    steps = np.array([
        [0, a, VIEW, 0], [0, a, CART, 1], [0, a, BUY, 2], [0, b, VIEW, 3], [0, a, VIEW, 4],
        [0, c, VIEW, 5], [1, c, VIEW, 0], [1, b, VIEW, 1], [1, b, VIEW, 7],
    ])  # fmt: skip
    nearly = history(rng, 20, [VIEW] * MOST)  # with its duplicates it would be a bot
    both = [[21, a, VIEW, 3], [21, a, BUY, 3]]  # no duplicates: one step
    apart = steps + [30, 0, 0, 0]
    everything = [missing, untimed, bots, tied, apart, nearly, nearly[:2], both]
    together = np.concatenate(everything)
    return {"missing": missing, "untimed": untimed, "duplicates": duplicates, "bots": bots,
            "order": order, "steps": steps,
            "together": together[rng.permutation(len(together))]}  # fmt: skip


def cleaning_cases(rng):
    return [{"logs": cleaning_logs(rng), "most": MOST} for _ in range(2)]


def sequences_cases(rng):
    """Users with one to nine events; spans that are longer than a window, and shorter."""
    cases = []
    for longest in (2, 3):
        counts = rng.permutation([1, 2, 3, 4, *rng.integers(3, 8, 2), 9])
        starts = np.append(0, np.cumsum(counts))
        n = int(starts[-1])
        log = {"items": rng.integers(1, 9, n), "kinds": rng.integers(0, 3, n), "starts": starts}
        spans = np.stack([starts[:-1], starts[1:]], axis=1)
        cases.append({"log": log, "spans": spans, "longest": longest})
    return cases


def gradcheck_cases(rng):
    """A curved function of a few numbers; gradients that are right, wrong, and broken."""
    cases = []
    for shape in ((), (3,), (2, 3)):
        array, matrix = rng.normal(size=shape), rng.normal(size=(4, int(np.prod(shape))))
        right = rng.normal(size=(2, 3))
        few = np.where([[1, 0, 0], [0, 0, 0]], 1e-3, right)
        pairs = [(right, right), (2 * right, right), (right, 3 * right), (-right, right),
                 (right + 1e-6, right), (few, right), (0 * right, 0 * right),
                 (1e-12 + 0 * right, 0 * right)]  # fmt: skip
        broken = [(np.where(right == right.max(), np.nan, right), right), (right[:1], right)]
        cases.append({"array": array, "matrix": matrix, "pairs": pairs, "broken": broken})
    return cases


def metrics_cases(rng):
    """Scores with ties, and one user's with something that is not a number."""
    cases = []
    for k in (3, 10):
        scores = rng.integers(0, 9, (12, 25)).astype(float)
        scores[rng.integers(12), rng.integers(25)] = np.nan
        ranks = np.append([0.0, k - 1, k], rng.permutation(25)[:9])
        arguments = [scores, rng.integers(0, 25, 12)]
        cases.append({"arguments": arguments, "ranks": ranks, "k": k})
    return cases


def recurrence_cases(rng):
    """One user and several, one step and many; a state before the first step."""
    cases = []
    for B, T in ((1, 1), (3, 6), (2, 30)):
        H = int(rng.integers(2, 6))
        z, U = rng.normal(size=(B, T, 4 * H)), rng.normal(size=(H, 4 * H)) / np.sqrt(H)
        cases.append({"arguments": [z, U, *rng.normal(size=(2, B, H))]})
    return cases


CLEANING_MISTAKES = (
    Mistake(None, "rows without an item stay: look at rule 1",
            "log[:, :2]).any(axis=1)]", "log[:, :1]).any(axis=1)]"),
    Mistake(None, "rows without a user stay: look at rule 1",
            "log[:, :2]).any(axis=1)]", "log[:, 1:2]).any(axis=1)]"),
    Mistake(None, "user 0 and item 0 are ids like others: only what is NaN is missing, rule 1",
            "np.isnan(log[:, :2])", "(np.nan_to_num(log[:, :2]) == 0)"),
    Mistake(None, "rows without a time stay: look at rule 2",
            "log = log[~np.isnan(log[:, 3])]", "pass"),
    Mistake(None, "time 0 is a time: only what is NaN is missing, rule 2",
            "~np.isnan(log[:, 3])", "log[:, 3] > 0"),
    Mistake(None, "exact duplicates stay: look at rule 3",
            "log = log[np.sort(first)]", "pass"),
    Mistake(None, "a duplicate is the same in all columns: yours may differ in time, rule 3",
            "np.unique(log, axis=0", "np.unique(log[:, :3], axis=0"),
    Mistake(None, "a duplicate is the same in all columns: yours may differ in kind, rule 3",
            "np.unique(log, axis=0", "np.unique(log[:, [0, 1, 3]], axis=0"),
    Mistake(None, "a duplicate takes the first one along: that one stays, rule 3",
            "_, first = np.unique(log, axis=0, return_index=True)",
            "_, first, n = np.unique(log, True, axis=0, return_counts=True)\n"
            "    first = first[n < 2]"),
    Mistake(None, "a user with exactly `most` events is no bot: it takes more, rule 4",
            "> most", ">= most"),
    Mistake(None, "a busy user is a bot only if all events are of the most frequent kind, rule 4",
            "usual[user == u].all() and ", ""),
    Mistake(None, "a user with events of one kind is a bot only with more than `most`, rule 4",
            " and (user == u).sum() > most", ""),
    Mistake(None, "a bot's events are of the log's most frequent kind, not of any one, rule 4",
            "usual[user == u].all()", "len(set(kind[user == u])) == 1"),
    Mistake(None, "bots stay: look at rule 4",
            "log = log[~np.isin(user, bots)]", "pass"),
    Mistake(None, "your rows are sorted by time alone: users first, then time, rule 5",
            "np.lexsort((log[:, 3], log[:, 0]))", 'np.argsort(log[:, 3], kind="stable")'),
    Mistake(None, "your rows are sorted by user alone: then by time, rule 5",
            "np.lexsort((log[:, 3], log[:, 0]))", 'np.argsort(log[:, 0], kind="stable")'),
    Mistake(None, "your rows are not sorted: look at rule 5",
            "log = log[np.lexsort((log[:, 3], log[:, 0]))]", "pass"),
    Mistake(None, "your times run backwards: the oldest first, rule 5",
            "np.lexsort((log[:, 3], log[:, 0]))", "np.lexsort((-log[:, 3], log[:, 0]))"),
    Mistake(None, "rows of the same time change places: they keep the file's order, rule 5",
            "np.lexsort((log[:, 3], log[:, 0]))",
            "np.lexsort((log[:, 2], log[:, 1], log[:, 3], log[:, 0]))"),
    Mistake(None, "neighbouring events on one item stay apart: look at rule 6",
            "(np.diff(log[:, :2], axis=0) != 0).any(axis=1)", "np.ones(len(log) - 1, bool)"),
    Mistake(None, "an item taken again later is a new step: only neighbours merge, rule 6",
            "another = ",
            "log = log[np.sort(np.unique(log[:, :2], True, axis=0)[1])]\n    another = "),
    Mistake(None, "two users' events are merged into one step: look at rule 6",
            "np.diff(log[:, :2], axis=0)", "np.diff(log[:, 1:2], axis=0)"),
    Mistake(None, "a view and a purchase of one item are one step: kinds may differ, rule 6",
            "np.diff(log[:, :2], axis=0)", "np.diff(log[:, :3], axis=0)"),
    Mistake(None, "a step keeps the time of its first event: yours has the last one's, rule 6",
            "steps = log[first]", "steps = log[last]"),
    Mistake(None, "a step takes the kind of its last event: yours has the first one's, rule 6",
            "steps[:, 2] = log[last][:, 2]", "pass"),
)  # fmt: skip

SEQUENCES_MISTAKES = (
    Mistake(None, "a user with two events is tested: three are needed",
            "stop - start >= 3", "stop - start >= 2"),
    Mistake(None, "a user with three events is not tested: three are enough",
            "stop - start >= 3", "stop - start > 3"),
    Mistake(None, "the validation target is learnt from: the last two events are held out",
            "np.where(stop - start >= 3, 2, 0)", "np.where(stop - start >= 3, 1, 0)"),
    Mistake(None, "the test target is learnt from: the last two events are held out",
            "np.stack([start, stop - held_out], axis=1)", "np.stack([start, stop], axis=1)"),
    Mistake(None, "users with fewer than three events are left out: they are learnt from whole",
            "np.stack([start, stop - held_out], axis=1)",
            "np.stack([start, stop - held_out], axis=1)[tested]"),
    Mistake(None, "the validation span holds its target: a span ends before its target",
            "[start, stop - 2]", "[start, stop - 1]"),
    Mistake(None, "the test span holds its target: a span ends before its target",
            "[start, stop - 1]", "[start, stop]"),
    Mistake(None, "the test span ends one event early: the validation target is history by then",
            "[start, stop - 1]", "[start, stop - 2]"),
    Mistake(None, "neighbouring windows share one event: the first of a window is no target",
            "max(start, end - longest - 1)", "max(start, end - longest)"),
    Mistake(None, "a target is lost between two windows: the next one ends `longest` earlier",
            "range(stop, start + 1, -longest)", "range(stop, start + 1, -longest - 1)"),
    Mistake(None, "what is older than the last window is lost: every event is a target once",
            "range(stop, start + 1, -longest)", "[stop][: stop - start - 1]"),
    Mistake(None, "your windows are counted from the front: the newest events fill a window",
            "(max(start, end - longest - 1), end)\n        for start, stop in spans\n"
            "        for end in range(stop, start + 1, -longest)",
            "(end, min(stop, end + longest + 1))\n        for start, stop in spans\n"
            "        for end in range(start, stop - 1, longest)"),
    Mistake(None, "a span of one event gives a window: it has no target",
            "range(stop, start + 1, -longest)", "range(stop, start, -longest)"),
    Mistake(None, "your padding stands on the left: it belongs on the right",
            "start + np.arange((stop - start).max())\n    return np.where(at < stop",
            "stop - np.arange((stop - start).max(), 0, -1)\n    return np.where(at >= start"),
    Mistake(None, "your padding is not 0",
            'mode="clip"), 0)', 'mode="clip"), -1)'),
    Mistake(None, "your rows are as wide as the log: the longest span is wide enough",
            "(stop - start).max()", "len(values)"),
)  # fmt: skip

GRADCHECK_MISTAKES = (
    Mistake(None, "the step is 2h wide: from a − h to a + h",
            "(above - below) / (2 * h)", "(above - below) / h"),
    Mistake(None, "your difference is one-sided: take a − h and a + h, the error is far smaller",
            "array[entry] = kept - h\n        below = f()\n        array[entry] = kept\n"
            "        gradient[entry] = (above - below) / (2 * h)",
            "array[entry] = kept\n        below = f()\n"
            "        gradient[entry] = (above - below) / h"),
    Mistake(None, "your gradient has the wrong sign: f(a + h) − f(a − h)",
            "(above - below)", "(below - above)"),
    Mistake(None, "the entry is not put back before the next one is nudged",
            "        array[entry] = kept\n", ""),
    Mistake(None, "all entries are nudged at once: one at a time",
            "array[entry] = kept + h\n        above = f()\n        array[entry] = kept - h\n"
            "        below = f()\n        array[entry] = kept\n",
            "array += h\n        above = f()\n        array -= 2 * h\n"
            "        below = f()\n        array += h\n"),
    Mistake(None, "your error is a mean: one wrong entry among many is to be seen, so the largest",
            "np.abs(analytic - numeric).max()", "np.abs(analytic - numeric).mean()"),
    Mistake(None, "your error is not relative: divide by the size of the gradients",
            "/ max(1e-8, scale)", "/ 1"),
    Mistake(None, "0 / 0 where both gradients are zero: divide by at least 1e-8",
            "/ max(1e-8, scale)", "/ scale"),
    Mistake(None, "you divide by the analytic gradient alone: by both, max|a| + max|n|",
            "np.abs(analytic).max() + np.abs(numeric).max()", "np.abs(analytic).max()"),
    Mistake(None, "you divide by the numeric gradient alone: by both, max|a| + max|n|",
            "np.abs(analytic).max() + np.abs(numeric).max()", "np.abs(numeric).max()"),
    Mistake(None, "you divide by the larger gradient: by both, max|a| + max|n|",
            "np.abs(analytic).max() + np.abs(numeric).max()",
            "max(np.abs(analytic).max(), np.abs(numeric).max())"),
    Mistake(None, "the difference needs its absolute value: an analytic gradient may be too small",
            "np.abs(analytic - numeric).max()", "(analytic - numeric).max()"),
    Mistake(None, "you divide entry by entry: a tiny entry's noise then looks like an error",
            "np.abs(analytic - numeric).max() / max(1e-8, scale)",
            "(np.abs(analytic - numeric) / np.maximum("
            "1e-8, np.abs(analytic) + np.abs(numeric))).max()"),
    Mistake(None, "a gradient that is not a number passes: nothing is larger than NaN; return inf",
            " or not np.isfinite(analytic).all()", ""),
    Mistake(None, "a gradient of another shape is compared: NumPy stretches it; return inf",
            "np.shape(analytic) != numeric.shape or ", ""),
)  # fmt: skip

RECURRENCE_MISTAKES = (
    *GATE_MISTAKES,
    Mistake(2, "h_{t−1} U is missing in your gates: look at (2) to (5)",
            "z[:, t] + h_prev @ U", "z[:, t]"),
    Mistake(2, "your gates take c_{t−1} in place of h_{t−1}: look at (2) to (5)",
            "z[:, t] + h_prev @ U", "z[:, t] + c_prev @ U"),
    Mistake(2, "your U is transposed in each gate: z_j gains Σ_k h_k U_kj, in (2) to (5)",
            "h_prev, c_prev = h0, c0",
            "h_prev, c_prev = h0, c0\n"
            "    U = np.concatenate([part.T for part in np.split(U, 4, axis=1)], axis=1)"),
    Mistake(7, "you start from h0 = 0: the first step reads h0",
            "h_prev, c_prev = h0, c0", "h_prev, c_prev = 0 * h0, c0"),
    Mistake(6, "you start from c0 = 0: the first step reads c0",
            "h_prev, c_prev = h0, c0", "h_prev, c_prev = h0, 0 * c0"),
    Mistake(7, "your h_{t−1} stays what it was before the first step",
            "h_prev, c_prev = step", "_, c_prev = step"),
    Mistake(2, "your h_{t−1} changes while it is still read: keep the new state apart",
            "h_prev, c_prev = step(z[:, t] + h_prev @ U, c_prev)",
            "h_prev, c_prev = h_prev.copy(), c_prev.copy()\n"
            "        for j in range(len(U)):\n"
            "            now, memory = step(z[:, t] + h_prev @ U, c_prev)\n"
            "            h_prev[:, j], c_prev[:, j] = now[:, j], memory[:, j]"),
)  # fmt: skip

METRICS_MISTAKES = (
    Mistake(None, "ties count nothing: then a model that says the same of all items has rank 0",
            "above + ties / 2)", "above)"),
    Mistake(None, "ties count whole: they count half, as if they were shuffled",
            "above + ties / 2)", "above + ties)"),
    Mistake(None, "your ranks begin at 1: the best is 0, the number of items above",
            "above + ties / 2)", "above + ties / 2 + 1)"),
    Mistake(None, "you count the items below the target: the rank is how many stand above it",
            "(scores > of_target)", "(scores < of_target)"),
    Mistake(None, "a score that is no number gives a good rank: it has to be the worst, N − 1",
            "np.where(broken, scores.shape[1] - 1, above + ties / 2)", "above + ties / 2"),
    Mistake(None, "rank k counts as a hit: a list of k has the ranks 0 to k − 1",
            "hit = ranks < k", "hit = ranks <= k"),
    Mistake(None, "NDCG's logarithm is to base 2",
            "1 / np.log2(2 + ranks)", "1 / np.log(2 + ranks)"),
    Mistake(None, "NDCG is 1 / log2(2 + rank): with rank 0 it is 1",
            "1 / np.log2(2 + ranks)", "1 / np.log2(3 + ranks)"),
    Mistake(None, "NDCG counts beyond the list: what is not among the k best is worth 0",
            "np.where(hit, 1 / np.log2(2 + ranks), 0)", "(1 / np.log2(2 + ranks))"),
    Mistake(None, "MRR stops at k: the mean reciprocal rank goes on beyond the list",
            "(1 / (1 + ranks)).mean()", "np.where(hit, 1 / (1 + ranks), 0).mean()"),
    Mistake(None, "your recall is the share that was missed, as in the article's §9.4: 1 − recall",
            'f"recall@{k}": hit.mean()', 'f"recall@{k}": 1 - hit.mean()'),
    Mistake(None, "precision is the share of the list that was taken: a hit is worth 1/k",
            "(hit / k).mean()", "hit.mean()"),
    Mistake(None, "F1 is the harmonic mean of precision and recall: 2/(k + 1) for a hit",
            "(hit * 2 / (k + 1)).mean()", "(hit * (1 / k + 1) / 2).mean()"),
)  # fmt: skip

OTHERS = {
    "cleaning": Exercise(
        "cleaning", ("clean",), references, cleaning_cases,
        (Part("missing", None, 1, "rule 1: rows without user or item"),
         Part("untimed", None, 1, "rule 2: rows without a time"),
         Part("duplicates", None, 2, "rule 3: exact duplicates"),
         Part("bots", None, 2, "rule 4: bots"), Part("order", None, 2, "rule 5: order"),
         Part("steps", None, 2, "rule 6: neighbouring events on one item"),
         Part("together", None, 2, "all rules on one log")),
        CLEANING_MISTAKES, {}),
    "sequences": Exercise(
        "sequences", ("leave_one_out", "windows", "pad"), sequences, sequences_cases,
        (Part("train", None, 2, "spans to learn from"),
         Part("valid", None, 1, "spans before a validation target"),
         Part("test", None, 1, "spans before a test target"),
         Part("windows", None, 4, "windows"), Part("pad", None, 2, "padded rows")),
        SEQUENCES_MISTAKES, {}),
    "gradcheck": Exercise(
        "gradcheck", ("numerical", "error"), gradcheck, gradcheck_cases,
        (Part("numerical", None, 4, "the numerical gradient"),
         Part("put back", None, 1, "what is left of the nudges (nothing)"),
         Part("error", None, 3, "the errors of eight gradients, right and wrong"),
         Part("broken", None, 2, "the errors of broken gradients (inf)")),
        GRADCHECK_MISTAKES, {}),
    "metrics": Exercise(
        "metrics", ("ranks", "at_k"), metrics, metrics_cases,
        (Part("ranks", None, 4, "ranks, with ties and with what is no number"),
         Part("hr", None, 1, "hit rate"), Part("ndcg", None, 2, "NDCG"),
         Part("mrr", None, 1, "MRR"), Part("precision", None, 1, "precision"),
         Part("recall", None, 1, "recall"), Part("f1", None, 1, "F1")),
        METRICS_MISTAKES, {}),
    "recurrence": Exercise(
        "recurrence", ("walk",), references, recurrence_cases,
        (Part("output", 7, 6, "h"), Part("compiled", None, 4, "compiled by Numba")),
        RECURRENCE_MISTAKES, {"output": T_H}, {"compiled": np.array(1.0)}),
}  # fmt: skip
