"""The layers of model/, compiled: the same names, signatures and results."""

import numpy as np

from . import adam, attention, dropout, embedding, interest, loss, lstm, scorer  # noqa: F401

# A block asks for the megabytes that the block before gave back. The C library (glibc) returns
# what is freed to the system, and gets it back page by page, until it has seen a large array
# go: this one. Then it keeps up to twice as much.
np.empty(2**25 - 2**16, np.uint8)
