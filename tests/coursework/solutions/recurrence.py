"""The LSTM's loop over time, number by number, compiled."""

import math

import numpy as np
from numba import njit


@njit
def sigmoid(a):
    return 1 / (1 + math.exp(-a))


@njit
def walk(z, U, h0, c0):
    B, T, _ = z.shape
    H = len(U)
    hs = np.empty((B, T, H))
    for b in range(B):
        h, c = h0[b].copy(), c0[b].copy()
        for t in range(T):
            a = z[b, t].copy()
            for k in range(H):
                for j in range(4 * H):
                    a[j] += h[k] * U[k, j]
            for j in range(H):
                i, f, o = sigmoid(a[j]), sigmoid(a[H + j]), sigmoid(a[3 * H + j])
                c[j] = f * c[j] + i * math.tanh(a[2 * H + j])
                h[j] = o * math.tanh(c[j])
            hs[b, t] = h
    return hs
