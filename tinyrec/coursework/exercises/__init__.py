"""All exercises, in the order in which they are best done."""

from . import layers, log, lstm, training, unseen

ORDER = """
cleaning sequences lstm_step lstm_forward lstm attention scorer loss adam gradcheck metrics
recurrence gru coupled additive bpr layernorm
"""
MODULES = (log, lstm, layers, training, unseen)
BY_NAME = {exercise.name: exercise for module in MODULES for exercise in module.EXERCISES}
EXERCISES = {name: BY_NAME[name] for name in ORDER.split()}
