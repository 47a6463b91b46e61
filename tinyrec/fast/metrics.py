"""The measures of results/metrics.py, all of them in one pass over each row of logits."""

import numpy as np

from ..results.calibration import BINS, Reliability
from .functions import check, check_picked, exp, jit

CHUNK = 1024  # logits that are summed up in their own type, whose digits do for so many
EDGES = np.log(BINS[1:-1] / (1 - BINS[1:-1]))  # log-odds between one bin and the next


def judge(logits, targets):
    """As results.metrics.judge."""
    B, N = logits.shape
    check(targets=(targets, (B,)))
    check_picked(targets, logits.T)
    found, binned = np.zeros((B, 4)), np.zeros((3, len(BINS) - 1))
    logits = np.ascontiguousarray(logits)
    judge_rows(logits, targets, logits.dtype.type(max(1, N - 1)), EDGES, found, *binned)
    return *found.T, Reliability(*binned)


@jit
def judge_rows(logits, targets, drawn, edges, found, offers, shown, taken):
    for b in range(len(logits)):
        judge_row(logits[b], targets[b], drawn, edges, found[b], offers, shown, taken)


@jit
def judge_row(z, target, drawn, edges, found, offers, shown, taken):
    """Fills found: rank, candidates, accuracy, squared error; adds to the bins. drawn: N − 1."""
    one, goal, is_candidate = z.dtype.type(1), z[target], z[target] > -np.inf
    sums = np.zeros(8)
    for start in range(0, z.size, CHUNK):
        part = z[start : start + CHUNK]
        found_here = judge_part(part, goal, drawn, edges[0])
        for n in range(8):
            sums[n] += found_here[n]
        if found_here[4] > 0:
            for j in range(part.size):
                bin = bin_of(part[j], edges)
                if bin > 0:
                    p = next_chance(part[j], one)
                    offers[bin] += 1
                    offers[0] -= 1
                    shown[bin] += p
                    shown[0] -= p
    above, ties, candidates, yes, _, unknown, squares, chances = sums
    offers[0] += candidates
    shown[0] += chances
    taken[bin_of(goal, edges)] += is_candidate
    p = first_chance(next_chance(goal, one), drawn, one)
    hit, others = p > 0.5, max(1, candidates - is_candidate)
    found[0] = above + (ties - 1) / 2 if is_candidate and not unknown else z.size - 1
    found[1] = candidates
    found[2] = (hit + 1 - (yes - hit) / others) / 2
    found[3] = ((1 - p) ** 2 + (squares - p * p) / others) / 2 if not unknown else np.nan


@jit
def judge_part(z, goal, drawn, edge):
    """How many are above the goal, tied with it, candidates, more likely than one drawn, beyond
    the edge, and no numbers; the sums of squared and of simple chances.
    """
    zero, one, none = z.dtype.type(0), z.dtype.type(1), z.dtype.type(-np.inf)
    half, edge = z.dtype.type(0.5), z.dtype.type(edge)
    above = ties = candidates = yes = likely = unknown = squares = chances = zero
    for j in range(z.size):
        chance = next_chance(z[j], one)
        p = first_chance(chance, drawn, one)
        likely += one if z[j] >= edge else zero
        above += one if z[j] > goal else zero
        ties += one if z[j] == goal else zero
        candidates += one if z[j] > none else zero
        yes += one if p > half else zero
        unknown += one if z[j] != z[j] else zero
        squares += p * p
        chances += chance
    return above, ties, candidates, yes, likely, unknown, squares, chances


@jit
def next_chance(z, one):
    """σ(z); one: in the type of z."""
    smaller = exp(-abs(z))
    return (smaller if z < 0 else one) / (one + smaller)


@jit
def first_chance(chance, drawn, one):
    """Of the next item and another one drawn evenly, to be the first: see model/loss.py."""
    return drawn * chance / (one + (drawn - one) * chance)


@jit
def bin_of(z, edges):
    bin = 0
    while bin < edges.size and z >= edges[bin]:
        bin += 1
    return bin
