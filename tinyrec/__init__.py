"""tinyrec: long- and short-term user interest, from scratch in NumPy."""

from .errors import InputError
from .preprocess.events import Events, read_events
from .recommender import Recommender

__all__ = ["Events", "InputError", "Recommender", "read_events"]
__version__ = "0.1.0"
