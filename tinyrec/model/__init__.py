"""The model as it is read: one file an equation group, NumPy only."""

from . import attention, dropout, embedding, interest, loss, lstm, network, scorer  # noqa: F401
