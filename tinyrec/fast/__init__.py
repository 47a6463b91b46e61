"""The layers of model/, compiled: the same names, signatures and results."""

from types import SimpleNamespace

from ..errors import InputError
from ..model import content  # noqa: F401
from ..model.network import LAYERS
from . import adam, attention, dropout, embedding, interest, loss, lstm, scorer  # noqa: F401


def replaced(**layers):
    """The compiled layers with some replaced: Recommender(layers=replaced(lstm=mine)).

    A layer is anything with forward and backward: a module, a class, a namespace. Raises
    InputError for a name that no layer has.
    """
    unknown = [name for name in layers if name not in LAYERS]
    if unknown:
        raise InputError(f"no layer {unknown[0]!r}: there are {', '.join(LAYERS)}")
    ours = {name: globals()[name] for name in (*LAYERS, "adam")}
    return SimpleNamespace(**ours | layers)
