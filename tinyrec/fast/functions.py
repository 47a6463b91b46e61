"""What the compiled layers share: how they are compiled, and functions that vectorise.

`math.exp` and `math.tanh` are library calls, one number at a time. In float32 the ones below
are a few multiplications that the compiler does for eight or sixteen numbers at once; float64,
which is for checking gradients, takes the library's.
"""

import math

import numpy as np
from numba import config, njit, types
from numba.extending import overload

from . import cache

f4 = np.float32
FOLDER = None if config.DISABLE_JIT else cache.folder()


def jit(function):
    """Compiled, at first use, for threads.

    Sums may be reordered and products fused, which vectorises them; NaN stays NaN, so that a
    training that diverges is seen. All calls are inlined: code loaded from the cache could take
    another copy of what it calls, whose sums are in another order.
    """
    fastmath = {"reassoc", "contract", "arcp", "nsz", "afn"}
    compile = njit(nogil=True, error_model="numpy", fastmath=fastmath, forceinline=True)
    return cache.keep(compile(function), FOLDER) if FOLDER else compile(function)


def exp(x):
    """e^x; in float32 for −87 ≤ x ≤ 88 (e^−87 below), relative error 3e-7."""


def tanh(x):
    """In float32 a quotient of polynomials of degree 13 and 6, relative error 3e-7."""


def exp32(x):
    """e^x = 2^n e^r with n whole and |r| ≤ ln(2)/2, where six terms of the series do."""
    x = max(x, f4(-87))
    n = np.floor(x * f4(1.44269504) + f4(0.5))  # math.floor's whole number would be 64 bits wide
    r = x - n * f4(0.693359375) - n * f4(-2.12194440e-4)  # ln 2 in two parts, for its last bits
    p = f4(1.9875691500e-4)
    p = p * r + f4(1.3981999507e-3)
    p = p * r + f4(8.3334519073e-3)
    p = p * r + f4(4.1665795894e-2)
    p = p * r + f4(1.6666665459e-1)
    p = p * r + f4(5.0000001201e-1)
    e_to_r = p * r * r + r + f4(1)
    two_to_n = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(f4)
    return e_to_r * two_to_n


def tanh32(x):
    x = min(max(x, f4(-7.9)), f4(7.9))
    s = x * x
    p = f4(-2.76076847742355e-16)
    p = p * s + f4(2.00018790482477e-13)
    p = p * s + f4(-8.60467152213735e-11)
    p = p * s + f4(5.12229709037114e-08)
    p = p * s + f4(1.48572235717979e-05)
    p = p * s + f4(6.37261928875436e-04)
    p = p * s + f4(4.89352455891786e-03)
    q = f4(1.19825839466702e-06)
    q = q * s + f4(1.18534705686654e-04)
    q = q * s + f4(2.26843463243900e-03)
    q = q * s + f4(4.89352518554385e-03)
    return x * p / q


@overload(exp, inline="always")
def exp_by_type(x):
    return exp32 if x == types.float32 else lambda x: math.exp(x)


@overload(tanh, inline="always")
def tanh_by_type(x):
    return tanh32 if x == types.float32 else lambda x: math.tanh(x)


@jit
def add_scaled(out, scale, x):
    for j in range(out.size):
        out[j] += scale * x[j]


@jit
def add_rows(out, index, rows):
    """out[index[n]] += rows[n], one after the other; an index may come more than once."""
    one = out.dtype.type(1)
    for n in range(index.size):
        add_scaled(out[index[n]], one, rows[n])


@jit
def add_four_row_products(out0, out1, out2, out3, a0, a1, a2, a3, M):
    """Four times out (N,) += a (K,) @ M (K, N): each entry of M is loaded once for all of them.

    Four rows of M at a time, so that an entry of `out` is loaded and stored once for four
    products; the 16 factors and what the inner loop holds fit the registers.
    """
    K, N = M.shape
    whole = K - K % 4
    for k in range(0, whole, 4):
        p0, p1, p2, p3 = a0[k], a0[k + 1], a0[k + 2], a0[k + 3]
        q0, q1, q2, q3 = a1[k], a1[k + 1], a1[k + 2], a1[k + 3]
        r0, r1, r2, r3 = a2[k], a2[k + 1], a2[k + 2], a2[k + 3]
        s0, s1, s2, s3 = a3[k], a3[k + 1], a3[k + 2], a3[k + 3]
        for j in range(N):
            m0, m1, m2, m3 = M[k, j], M[k + 1, j], M[k + 2, j], M[k + 3, j]
            out0[j] += p0 * m0 + p1 * m1 + p2 * m2 + p3 * m3
            out1[j] += q0 * m0 + q1 * m1 + q2 * m2 + q3 * m3
            out2[j] += r0 * m0 + r1 * m1 + r2 * m2 + r3 * m3
            out3[j] += s0 * m0 + s1 * m1 + s2 * m2 + s3 * m3
    for k in range(whole, K):
        add_scaled(out0, a0[k], M[k])
        add_scaled(out1, a1[k], M[k])
        add_scaled(out2, a2[k], M[k])
        add_scaled(out3, a3[k], M[k])


@jit
def add_product(out, A, M):
    """out (B, N) += A (B, K) @ M (K, N), for an `out` that stays in the first cache."""
    B, N = out.shape
    spare = np.zeros((-B % 4, N), out.dtype)  # in place of the rows that the last four lack
    for b in range(0, B, 4):
        b1, b2, b3 = min(b + 1, B - 1), min(b + 2, B - 1), min(b + 3, B - 1)
        out1 = out[b1] if b1 == b + 1 else spare[-3]
        out2 = out[b2] if b2 == b + 2 else spare[-2]
        out3 = out[b3] if b3 == b + 3 else spare[-1]
        add_four_row_products(out[b], out1, out2, out3, A[b], A[b1], A[b2], A[b3], M)


def product(a, M):
    """a (..., K) @ M (K, N), all rows in one product: M is then prepared once, not per user."""
    return (batched(a, 1) @ M).reshape(*a.shape[:-1], -1)


def batched(a, inner):
    """a with one leading axis in place of any number, contiguous; `inner` axes stay."""
    shape = a.shape[len(a.shape) - inner :]
    return np.ascontiguousarray(a).reshape(-1, *shape)


def check(**shapes):
    """name=(array, shape): raises ValueError where they differ; compiled code would go on past
    the array's end.
    """
    for name, (array, shape) in shapes.items():
        if array.shape != tuple(shape):
            raise ValueError(f"{name} is {array.shape}, where {tuple(shape)} belongs")


def check_picked(index, table):
    """Raises IndexError where the index is none of the table's rows."""
    if index.size and not 0 <= index.min() <= index.max() < len(table):
        raise IndexError(f"row {index.max()} where there are {len(table)}")
