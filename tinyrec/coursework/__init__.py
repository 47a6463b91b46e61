"""Exercises that say what went wrong: `check` judges your functions, `use` trains on them."""

from .check import check, check_file, use  # noqa: F401
