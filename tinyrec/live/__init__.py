"""A model at work (article §8.2, §8.4): functions over a fitted one."""

from .session import Session  # noqa: F401
