"""Exercises that say what went wrong: `check` judges your functions; `replaced` lets a whole
recommender train on them: Recommender(layers=replaced(lstm=mine)).
"""

from .check import check, check_file  # noqa: F401


def replaced(**layers):
    """As fast.replaced: the compiled layers with some replaced by yours."""
    from .. import fast  # which takes a while to import

    return fast.replaced(**layers)
