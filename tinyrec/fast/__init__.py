"""The layers of model/, compiled: the same names, signatures and results."""

from ..model import content  # noqa: F401
from ..settings import replaced  # noqa: F401
from . import (  # noqa: F401
    adam,
    attention,
    dropout,
    embedding,
    interest,
    loss,
    lstm,
    metrics,
    scorer,
)
