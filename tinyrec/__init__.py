"""tinyrec: long- and short-term user interest, from scratch in NumPy."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import InputError
    from .preprocess.events import Events, read_events
    from .recommender import Recommender

__all__ = ["Events", "InputError", "Recommender", "read_events"]
__version__ = "0.1.0"
PLACES = {"Events": "preprocess.events", "InputError": "errors", "Recommender": "recommender",
          "read_events": "preprocess.events"}  # fmt: skip
ROOMS = ("content", "explain", "fast", "live", "model", "preprocess", "results", "train")


def __getattr__(name):
    """What is named first is imported then: NumPy and Numba take a while, and Ctrl-C may come
    before the command line is ready for it.
    """
    if name in PLACES:
        return getattr(import_module(f".{PLACES[name]}", __name__), name)
    if name in ROOMS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'tinyrec' has no attribute {name!r}")
