"""How fast, and compared with what? `tinyrec bench` (figures are ratios: machines differ).

B users, T steps, D and H wide, N items, K negatives, as in model/network.py. GFLOP count the
multiplications and additions of the model's own matrix products on real steps (two per weight),
attention's only over the past.
"""

import time
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from .. import fast, model, settings
from ..datasets import shop
from ..model import network
from ..preprocess import sequences
from ..train import adam, batches, loop
from ..train.workers import cores, one_blas_thread, workers

REPEATS = 5


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


def epoch_seconds(room, log, sizes, threads):
    """Seconds of an epoch over all of a log, every part of a step included; compiled before."""
    T, D, H, K, N = sizes
    windows = sequences.windows(sequences.histories(log), T)
    params = network.initial(np.random.default_rng(0), N, int(log.kinds.max()) + 1, D, H)
    state = loop.State(params, getattr(room, "adam", None))

    def validate(params):
        return {"ndcg@10": 0.0}

    with workers(threads) as pool:
        for epochs, part in ((1, windows[:128]), (2, windows)):
            given = training_settings(K) | {"epochs": epochs}
            training = batches.Training(log, part, given, room, pool.map)
            loop.fit(state, training, validate)
    return state.history[-1]["seconds"]


def torch_epoch_seconds(log, sizes, threads):
    """The same model, loss and Adam in PyTorch, batches padded to their longest window."""
    import torch
    from torch import nn
    from torch.nn import functional

    T, D, H, K, N = sizes
    torch.set_num_threads(threads)
    spans = sequences.histories(log)
    windows = sequences.windows(spans, T)
    E, bias = nn.Embedding(N, D), nn.Parameter(torch.zeros(N))
    lstm = nn.LSTM(D, H, batch_first=True)
    Wq, Wk, Wu = nn.Linear(H, H, bias=False), nn.Linear(H, H, bias=False), nn.Linear(2 * H, D)
    drop = nn.Dropout(0.2)
    parameters = [bias, *(p for part in (E, lstm, Wq, Wk, Wu) for p in part.parameters())]
    adam = torch.optim.Adam(parameters, lr=1e-3)
    rng = np.random.default_rng(0)

    def step(chosen):
        items = torch.from_numpy(sequences.pad(log.items, chosen - [0, 1]))
        positives = torch.from_numpy(sequences.pad(log.items, chosen + [1, 0]))
        negatives = torch.from_numpy(rng.integers(0, N, (len(chosen), K)))
        lengths = torch.from_numpy(chosen[:, 1] - chosen[:, 0] - 1)
        real = torch.arange(items.shape[1]) < lengths[:, None]
        h, _ = lstm(drop(E(items)))
        long = functional.scaled_dot_product_attention(Wq(h), Wk(h), h, is_causal=True)
        u = Wu(drop(torch.cat([long, h], -1)))
        z_positive = (u * E(positives)).sum(-1) + bias[positives]
        z_negative = u @ E(negatives).transpose(1, 2) + bias[negatives][:, None]
        rows = functional.softplus(-z_positive) + functional.softplus(z_negative).sum(-1)
        adam.zero_grad()
        rows[real].mean().backward()
        adam.step()

    batches = np.array_split(rng.permutation(len(windows)), -(-len(windows) // 128))
    step(windows[batches[0]])
    began = time.perf_counter()
    for members in batches:
        step(windows[members])
    return time.perf_counter() - began


def run(sizes, threads=None, with_torch=False):
    """All figures of the bench: {"parts": rows, "epochs": rows, "product": GFLOP/s of (1, all)}.

    A row of parts: (part, seconds in NumPy, seconds compiled, GFLOP or None); of epochs: (name,
    seconds, GFLOP) for a log whose lengths vary as people's do.
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
    epochs = [("NumPy", epoch_seconds(model, log, sizes, threads)),
              ("compiled", epoch_seconds(fast, log, sizes, threads))]  # fmt: skip
    if with_torch:
        epochs.append(("PyTorch, padded", torch_epoch_seconds(log, sizes, threads)))
    return {
        "parts": parts, "epochs": epochs, "GFLOP": work, "steps": sum(real),
        "product": {1: matmul_rate(1), threads: matmul_rate(threads)}, "threads": threads,
    }  # fmt: skip


def scaling(threads=None, largest=10_000_000):
    """Yields (what, events, seconds of an epoch), sizes doubling: users first, then histories.

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
    return len(first), epoch_seconds(fast, log, sizes, threads)
