"""Explanations (article §9.5): functions over a fitted model."""

from .parts import parts  # noqa: F401
