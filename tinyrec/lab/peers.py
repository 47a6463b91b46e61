"""The same model in PyTorch, for timing only: as one writes it, and as fast as we could make it.

Neither has the fading sum of (11), which PyTorch could only take step by step. B, T, D, H, N, K
are bench.Sizes and those of model/network.py.
"""

import ctypes
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..model import loss
from ..preprocess import sequences
from .bench import clock

BATCH, DROPOUT = 128, 0.2
PART = 10_000  # steps that PyTorch takes at once: many more no longer fit its memory's arenas


class Model:
    """The parameters and what both ways have in common."""

    def __init__(self, sizes, fused):
        _, D, H, K, N = sizes
        self.E, self.bias = nn.Embedding(N, D), nn.Parameter(torch.zeros(N))
        self.lstm = nn.LSTM(D, H, batch_first=True)
        self.Wq, self.Wk = nn.Linear(H, H, bias=False), nn.Linear(H, H, bias=False)
        self.Wu = nn.Linear(2 * H, D)
        layers = self.E, self.lstm, self.Wq, self.Wk, self.Wu
        self.parameters = [self.bias, *(p for layer in layers for p in layer.parameters())]
        self.adam = torch.optim.Adam(self.parameters, lr=1e-3, fused=fused)
        self.beta = loss.beta(N, K, 0.75)

    def logits(self, items, positives, negatives, drop):
        """Those of the next items (B, T) and of the negatives (B, T, K)."""
        h, _ = self.lstm(drop(self.E(items)))
        q, k, v = (each[:, None] for each in (self.Wq(h), self.Wk(h), h))  # one head
        long = functional.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0]
        u = self.Wu(drop(torch.cat([long, h], -1)))
        z_positive = (u * self.E(positives)).sum(-1) + self.bias[positives]
        bias = self.bias[negatives][:, None]
        return z_positive, torch.baddbmm(bias, u, self.E(negatives).transpose(1, 2))


def tensors(log, windows, sizes, seed):
    """Items, positives, negatives and which rows are real."""
    items = torch.from_numpy(sequences.pad(log.items, windows - [0, 1]))
    positives = torch.from_numpy(sequences.pad(log.items, windows + [1, 0]))
    rng = np.random.default_rng(seed)
    negatives = torch.from_numpy(rng.integers(0, sizes.N, (len(windows), sizes.K)))
    lengths = torch.from_numpy(windows[:, 1] - windows[:, 0] - 1)
    return items, positives, negatives, torch.arange(items.shape[1]) < lengths[:, None]


def padded_epoch_seconds(log, sizes, threads):
    """Random batches, each padded to its longest window; stock operations."""
    torch.set_num_threads(threads)
    model, drop = Model(sizes, fused=False), nn.Dropout(DROPOUT)
    windows = sequences.windows(sequences.histories(log), sizes.T)

    def step(members):
        items, positives, negatives, real = tensors(log, windows[members], sizes, members[0])
        z_positive, z_negative = model.logits(items, positives, negatives, drop)
        rows = functional.softplus(-z_positive) + functional.softplus(z_negative).sum(-1)
        model.adam.zero_grad()
        rows[real].mean().backward()
        model.adam.step()

    order = np.random.default_rng(0).permutation(len(windows))
    return seconds_of(step, np.array_split(order, -(-len(windows) // BATCH)))


def best_epoch_seconds(log, sizes, threads):
    """Batches of like length, cut into a part for each worker, a Python thread of its own, or into
    two where they are large; loss and gradient in one go, dropout from random bytes, Adam fused,
    no denormal numbers, and memory that is freed is kept.
    """
    give_no_memory_back()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    model, bits = Model(sizes, fused=True), threading.local()
    windows = sequences.windows(sequences.histories(log), sizes.T)
    lengths = windows[:, 1] - windows[:, 0] - 1
    dropped = round(256 * DROPOUT)

    def drop(x):
        if not hasattr(bits, "rng"):
            bits.rng = np.random.default_rng(threading.get_ident()).bit_generator
        drawn = bits.rng.random_raw(-(-x.numel() // 8)).view(np.uint8)[: x.numel()]
        kept = torch.from_numpy(drawn >= dropped).view(x.shape).to(x.dtype)
        return x * kept.mul_(256 / (256 - dropped))

    def gradients(part):
        members, rows = part
        items, positives, negatives, real = tensors(log, windows[members], sizes, members[0])
        weight = real.float() / (rows * (sizes.K + 1))
        logits = model.logits(items, positives, negatives, drop)
        return torch.autograd.grad(GBCE.apply(*logits, weight, model.beta), model.parameters)

    def step(members):
        order = members[np.argsort(lengths[members], kind="stable")]
        rows = int(lengths[members].sum())
        cut = np.array_split(order, max(threads, 2 if rows > PART else 1))
        parts = [(part, rows) for part in cut]
        first, *others = pool.map(gradients, parts[::-1])
        total = list(first)
        for grads in others:
            torch._foreach_add_(total, list(grads))
        for parameter, gradient in zip(model.parameters, total, strict=True):
            parameter.grad = gradient
        model.adam.step()

    rng = np.random.default_rng(0)
    order = rng.permutation(len(windows))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = np.array_split(order, -(-len(windows) // BATCH))
    batches = [batches[number] for number in rng.permutation(len(batches))]
    with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        return seconds_of(step, batches)


def give_no_memory_back():
    """Has glibc give nothing back to the system, not even to begin with: a tenth of PyTorch's time
    goes into getting it again.
    """
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
        mmap_threshold, trim_threshold, top_pad = -3, -1, -2  # as malloc.h numbers them
        for what, size in ((mmap_threshold, 2**30), (trim_threshold, 2**30), (top_pad, 2**26)):
            ctypes.CDLL(None).mallopt(what, size)


class GBCE(torch.autograd.Function):
    """(13) with its gradient: one logarithm for 64 negatives, where K allows it."""

    @staticmethod
    def forward(context, z_positive, z_negative, weight, beta):
        B, T, K = z_negative.shape
        factors = torch.exp(-z_negative.abs()).add_(1)
        logs = factors.view(B, T, -1, 64 if K % 64 == 0 else 1).prod(-1).log_().sum(-1)
        rows = z_negative.clamp(min=0).sum(-1) + logs + beta * functional.softplus(-z_positive)
        dz_negative = torch.sigmoid(z_negative).mul_(weight[..., None])
        context.save_for_backward(torch.sigmoid(-z_positive).mul_(weight * -beta), dz_negative)
        return (rows * weight).sum()

    @staticmethod
    def backward(context, dloss):
        dz_positive, dz_negative = context.saved_tensors
        return dloss * dz_positive, dloss * dz_negative, None, None


def seconds_of(step, batches):
    """An epoch's, and those of CPU, once everything is warm."""
    for members in batches[:5]:
        step(members)
    began = clock()
    for members in batches:
        step(members)
    return clock() - began
