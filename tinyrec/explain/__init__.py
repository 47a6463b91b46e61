"""Explanations (article §9.5): functions over a fitted model."""

from .events import METHODS, contributions  # noqa: F401
from .parts import parts  # noqa: F401
from .remove import counterfactual, importance  # noqa: F401
from .sentence import because  # noqa: F401
