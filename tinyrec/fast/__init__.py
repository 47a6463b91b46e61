"""The layers of model/, compiled: the same names, signatures and results."""

from . import adam, attention, dropout, embedding, interest, loss, lstm, scorer  # noqa: F401
