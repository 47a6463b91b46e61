"""The scorer over all items, of which those that are asked are taken."""

import numpy as np


def forward(u, E, bias, positives, negatives):
    everything = u @ E.T + bias
    z_next = np.take_along_axis(everything, positives[..., None], -1)[..., 0]
    K, T = negatives.shape[-1], u.shape[-2]
    index = np.broadcast_to(negatives[..., None, :], (*u.shape[:-2], T, K))
    return (z_next, np.take_along_axis(everything, index, -1)), (u, E, positives, index)


def backward(dlogits, cache):
    u, E, positives, index = cache
    d = np.zeros((*positives.shape, len(E)))
    for c in range(len(E)):
        d[..., c] = (positives == c) * dlogits[0] + ((index == c) * dlogits[1]).sum(-1)
    dE = np.tensordot(d.reshape(-1, len(E)).T, u.reshape(-1, E.shape[1]), 1)
    return d @ E, {"E": dE, "bias": d.reshape(-1, len(E)).sum(0)}
