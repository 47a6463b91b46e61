"""How fast, and compared with what? `tinyrec bench` (figures are ratios: machines differ).

B users, T steps, D and H wide, N items, K negatives, as in model/network.py. GFLOP count the
multiplications and additions of the model's own matrix products on real steps (two per weight),
attention's only over the past.
"""

import time
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from .. import fast, model, settings
from ..datasets import shop
from ..model import network
from ..preprocess import sequences
from ..results import metrics
from ..train import adam, batches, loop
from ..train.workers import cores, one_blas_thread, workers

REPEATS = 5
ROUNDS = 3  # of epochs in turn, ours and PyTorch's


class Sizes(NamedTuple):
    T: int = 200
    D: int = 64
    H: int = 64
    K: int = 128
    N: int = 3416


def sizes(given):
    """The Sizes of settings by name, where they are given. Raises InputError out of range."""
    names = {"T": "max_len", "D": "dim", "H": "hidden", "K": "negatives"}
    wanted = settings.check({name: given[name] for name in names.values()})
    return Sizes(**{letter: wanted[name] for letter, name in names.items() if wanted[name]})


def flops_per_step(T, D, H, K):
    """(forward, backward) multiplications and additions of each layer for one step of T."""
    forward = {
        "lstm": 8 * H * (D + H),
        "attention": 4 * H * H + 2 * H * (T + 1),
        "interest": 4 * H * D,
        "scorer": 2 * D * (K + 1),
    }
    return {(name, part): count * (1 if part == "forward" else 2)
            for name, count in forward.items() for part in ("forward", "backward")}


def matmul_rate(threads, n=2048):
    """GFLOP/s that one large float32 product reaches here on so many threads."""
    a = np.ones((n, n), np.float32)
    with threadpool_limits(threads, "blas"):
        return 2e-9 * n**3 / best_seconds(lambda: a @ a)


def best_seconds(run, repeats=REPEATS):
    """The shortest of some runs: the one that was disturbed least. The first one compiles."""
    run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def clock():
    """Seconds gone by and seconds of CPU, which what runs beside changes least: (2,)."""
    return np.array([time.perf_counter(), time.process_time()])


def timed(room, seconds):
    """The room with every layer's calls timed: seconds[name, part] is added to."""

    def wrap(name, part):
        run = getattr(getattr(room, name), part)

        def run_timed(*arguments):
            began = time.perf_counter()
            result = run(*arguments)
            seconds[name, part] = seconds.get((name, part), 0) + time.perf_counter() - began
            return result

        return run_timed

    return SimpleNamespace(**{
        name: SimpleNamespace(forward=wrap(name, "forward"), backward=wrap(name, "backward"))
        for name in network.LAYERS
    })


def made_up_log(lengths, N, seed=0):
    """A log of evenly drawn items, lengths[u] events for user u."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    items = np.random.default_rng(seed).integers(0, N, starts[-1]).astype(np.int32)
    return sequences.Log(items, np.zeros_like(items), starts)


def block_size(T):
    """Users in a block of histories of T steps, as training cuts them."""
    return len(next(sequences.by_length(np.array([[0, T + 1]] * 128))))


def layers_by_part(room, sizes):
    """Seconds of each layer's forward and backward for one block, full length."""
    T, D, H, K, N = sizes
    log = made_up_log([T + 1] * block_size(T), N)
    windows = sequences.histories(log)
    rng = np.random.default_rng(0)
    params = network.initial(rng, N, 1, D, H)
    negatives = rng.integers(0, N, (len(windows), K))
    best = {}
    with one_blas_thread():
        for _ in range(REPEATS + 1):
            seconds = {}
            layers = timed(room, seconds)
            training = batches.Training(log, windows, training_settings(K), layers, map)
            batches.block_share(params, training, windows, negatives, rng, len(log.items))
            best = {part: min(s, best.get(part, s)) for part, s in seconds.items()}
        step = getattr(room, "adam", adam).Adam(params).step
        grads = {name: np.ones_like(value) for name, value in params.items()}
        best["adam", "step"] = best_seconds(lambda: step(grads))
    return best


def training_settings(K):
    """Of a training whose result does not matter."""
    return {"batch": 128, "negatives": K, "t": 0.75, "lr": 1e-3, "dropout": 0.2, "seed": 0}


def epoch_seconds(room, log, sizes, threads, ranked=False):
    """Seconds of an epoch, and those of CPU, every part of a step included; compiled before.

    Learns from all of the log; or, ranked, leaves users' last events out as training does, and
    ranks all items for them as it validates.
    """
    T, D, H, K, N = sizes
    split = sequences.leave_one_out(log)
    windows = sequences.windows(split.train if ranked else sequences.histories(log), T)
    asked = sequences.for_validation(split.valid, windows, N, seed=0)
    params = network.initial(np.random.default_rng(0), N, int(log.kinds.max()) + 1, D, H)
    state = loop.State(params, getattr(room, "adam", None))

    def score(spans, log):
        latest = sequences.side_by_side(log, sequences.latest(spans, T))
        return network.next_logits(state.params, *latest, room)

    def validate(params):
        return metrics.quality(score, log, asked, run=pool.map) if ranked else {"ndcg@10": 0.0}

    ends = []
    with workers(threads) as pool:
        for epochs, part in ((1, windows[:128]), (2, windows)):
            given = training_settings(K) | {"epochs": epochs}
            training = batches.Training(log, part, given, room, pool.map, threads=pool.map)
            loop.fit(state, training, validate, on_epoch=lambda _: ends.append(clock()))
    return ends[1] - ends[0]


def run(sizes, threads=None, with_torch=False):
    """All figures of the bench: {"parts": rows, "epochs": rows, "product": GFLOP/s of (1, all)}.

    A row of parts: (part, seconds in NumPy, seconds compiled, GFLOP or None); of epochs: (name,
    seconds, seconds of CPU) for a log whose lengths vary as people's do, the best of what is
    taken in turn.
    """
    threads = threads or cores()
    T, D, H, K, N = sizes
    readable, compiled = (layers_by_part(room, sizes) for room in (model, fast))
    flops = flops_per_step(T, D, H, K)
    steps = block_size(T) * T
    parts = [
        (" ".join(part), readable[part], compiled[part],
         flops[part] * steps / 1e9 if part in flops else None)
        for part in compiled
    ]  # fmt: skip
    lengths = np.random.default_rng(0).lognormal(np.log(T / 2), 0.8, 1536).astype(int) + 3
    log = made_up_log(lengths, N)
    spans = sequences.histories(log)
    real = [stop - start - 1 for start, stop in sequences.windows(spans, T)]
    work = sum(n * sum(flops_per_step(n, D, H, K).values()) for n in real) / 1e9
    in_turn = {"compiled": partial(epoch_seconds, fast)}
    once = {"NumPy": partial(epoch_seconds, model)}
    if with_torch:
        from . import peers

        in_turn["PyTorch at its best"] = peers.best_epoch_seconds
        once["PyTorch, padded"] = peers.padded_epoch_seconds
    rounds = [[epoch(log, sizes, threads) for epoch in in_turn.values()] for _ in range(ROUNDS)]
    epochs = [(name, *best) for name, best in zip(in_turn, np.min(rounds, axis=0), strict=True)]
    epochs += [(name, *epoch(log, sizes, threads)) for name, epoch in once.items()]
    return {
        "parts": parts, "epochs": epochs, "GFLOP": work, "steps": sum(real),
        "product": {1: matmul_rate(1), threads: matmul_rate(threads)}, "threads": threads,
    }  # fmt: skip


def scaling(threads=None, largest=10_000_000):
    """Yields (what, events, seconds of an epoch with its validation), sizes doubling: users
    first, then histories.

    The logs are the shop generator's, at D = H = 32, K = 64, so that ten million events end.
    """
    threads = threads or cores()
    for share in (8, 4, 2, 1):
        yield "users", *shop_epoch(largest // 21 // share, 21, 800, threads)
    for steps in (20, 40, 80, 160):
        yield f"history of {steps}", *shop_epoch(4000, steps, 8000, threads)


def shop_epoch(customers, steps, products, threads):
    made = shop.generate(customers=customers, products=products, steps=steps, seed=1)
    first = np.flatnonzero(made.kind == 0)
    starts = np.searchsorted(made.customer[first], np.arange(customers + 1))
    log = sequences.Log(made.product[first].astype(np.int32), np.zeros(len(first), int), starts)
    sizes = Sizes(D=32, H=32, K=64, N=products)
    return len(first), epoch_seconds(fast, log, sizes, threads, ranked=True)[0]
