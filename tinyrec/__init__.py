"""tinyrec: long- and short-term user interest, from scratch in NumPy."""

from importlib import import_module

from .errors import InputError
from .preprocess.events import Events, read_events
from .recommender import Recommender

__all__ = ["Events", "InputError", "Recommender", "read_events"]
__version__ = "0.1.0"


def __getattr__(name):
    """tinyrec.fast is imported when it is first named: Numba takes a while."""
    if name == "fast":
        return import_module(".fast", __name__)
    raise AttributeError(f"module 'tinyrec' has no attribute {name!r}")
