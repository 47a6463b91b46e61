"""An item table in less memory: whoever reads its rows, or multiplies with it, sees float32.

E (N, D) ≈ scale · codes · basis, with codes (N, r) of any small type, scale (N, 1), basis (r, D).
"""

import numpy as np

ROWS = 4096  # are made float32 at a time, so that these stay in the cache


class Table:
    """Stands for E in params: has its shape, E[rows], and u @ E.T."""

    dtype = np.dtype(np.float32)

    def __init__(self, codes, scale=None, basis=None):
        """Without scale it is one everywhere, without basis codes has E's width."""
        self.parts = {"codes": codes, "scale": scale, "basis": basis}
        self.parts = {name: part for name, part in self.parts.items() if part is not None}
        self.shape = len(codes), (codes if basis is None else basis).shape[1]
        self.nbytes = sum(part.nbytes for part in self.parts.values())

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        found = self.parts["codes"][rows].astype(self.dtype)
        if "scale" in self.parts:
            found *= self.parts["scale"][rows]
        return found @ self.parts["basis"] if "basis" in self.parts else found

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def T(self):
        return Transposed(self)


class Transposed:
    """What is right of the @ in u @ E.T."""

    __array_ufunc__ = None  # NumPy leaves the product to this class

    def __init__(self, table):
        self.table = table

    def __rmatmul__(self, u):
        parts, codes = self.table.parts, self.table.parts["codes"]
        if "basis" in parts:
            u = u @ parts["basis"].T
        z = np.empty((*u.shape[:-1], len(codes)), u.dtype)
        for start in range(0, len(codes), ROWS):
            rows = slice(start, start + ROWS)
            z[..., rows] = u @ codes[rows].astype(u.dtype).T
        if "scale" in parts:
            z *= parts["scale"][:, 0]
        return z


def apart(params):
    """Parameters as plain arrays, to be saved: a Table becomes "E codes", "E scale", …"""
    E = params["E"]
    if not isinstance(E, Table):
        return params
    others = {name: value for name, value in params.items() if name != "E"}
    return others | {f"E {name}": part for name, part in E.parts.items()}


def together(arrays):
    """The inverse of `apart`."""
    parts = {name: part for name, part in arrays.items() if name.startswith("E ")}
    if not parts:
        return arrays
    others = {name: array for name, array in arrays.items() if name not in parts}
    return others | {"E": Table(**{name.removeprefix("E "): part for name, part in parts.items()})}
