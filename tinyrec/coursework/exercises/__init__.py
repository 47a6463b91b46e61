"""All exercises, in the order in which they are best done."""

from pathlib import Path

from . import layers, log, lstm, training, unseen

ORDER = """
cleaning sequences lstm_step lstm_forward lstm attention scorer loss adam gradcheck metrics
recurrence gru coupled additive bpr layernorm
"""
MODULES = (log, lstm, layers, training, unseen)
BY_NAME = {exercise.name: exercise for module in MODULES for exercise in module.EXERCISES}
EXERCISES = {name: BY_NAME[name] for name in ORDER.split()}


def named_in(path):
    """The exercise that a file's name ends in, as in 02_lstm.py, or None."""
    stem = Path(path).stem.replace("-", "_")
    return max((name for name in EXERCISES if stem.endswith(name)), key=len, default=None)
