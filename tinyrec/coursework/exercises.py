"""All exercises, in the order in which they are best done."""

from .layers import LAYERS
from .others import OTHERS
from .variants import VARIANTS

ORDER = """
cleaning sequences lstm_step lstm_forward lstm attention scorer loss adam gradcheck metrics
recurrence gru coupled additive bpr layernorm
"""
EXERCISES = {name: (LAYERS | OTHERS | VARIANTS)[name] for name in ORDER.split()}
