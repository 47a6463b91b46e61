"""The model as it is read: one file an equation group, NumPy only."""

from . import (  # noqa: F401
    attention,
    content,
    dropout,
    embedding,
    interest,
    loss,
    lstm,
    network,
    scorer,
)
