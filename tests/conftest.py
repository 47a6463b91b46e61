"""Hypothesis draws the same examples at every run; TINYREC_EXAMPLES=5000 draws 5,000 new ones."""

import os

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

NEW = os.environ.get("TINYREC_EXAMPLES")
settings.register_profile("tinyrec", max_examples=int(NEW or 200), derandomize=not NEW,
                          deadline=None, suppress_health_check=list(HealthCheck))  # fmt: skip
settings.load_profile("tinyrec")
# it also draws numbers and words of whatever modules of ours are imported by then: not these
providers._get_local_constants = lambda: providers._local_constants
