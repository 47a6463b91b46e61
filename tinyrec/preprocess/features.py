"""An event's numbers (article §3.2.1, §9.3): n_t in equation (1).

since    log time since the user's event before
until    log time from this event to the next one; after the last, to the moment of asking. It is
         the clock: known while serving, and in a test the time of the target
rating, price    as the log has them; where it has gaps, a column more says "was missing"

Each is standardised by the events that are learnt from, and a gap filled with their mean. The
curves of missing.py would not do: they look at a user's later values.
"""

import numpy as np

from . import missing
from .events import NUMERIC


def scales(events, clock=True, learnt=slice(None)):
    """{name: [mean, standard deviation, are there gaps]} of the numbers that the log has, over
    the events that are `learnt` from, (n,) bool.
    """
    found = {}
    for name, values in raw(events, learnt).items():
        known = values[~np.isnan(values)]
        if len(known) and np.ptp(known) > 0 and (clock or name != "until"):
            gaps = name in NUMERIC and len(known) < len(values)
            found[name] = [float(known.mean()), float(known.std()), gaps]
    return found


def raw(events, rows=slice(None)):
    """{name: (n,)} of these rows before standardising, NaN where not known."""
    found = {name: events.numeric[name][rows] for name in NUMERIC if name in events.numeric}
    if events.time is None:
        return found
    gap = np.diff(events.time[rows], prepend=np.nan, append=np.nan)
    gap[1:-1][np.diff(events.user[rows]) != 0] = np.nan
    gap = np.log1p(gap)
    return {"since": gap[:-1], "until": gap[1:]} | found


def numbers(events, scales):
    """The events' numbers, (n, R) float32, in the order of `scales`."""
    values, n = raw(events), len(events.item)
    columns = [column for name, scale in scales.items()
               for column in standard(values.get(name, np.full(n, np.nan)), *scale)]  # fmt: skip
    return np.array(columns, np.float32).reshape(-1, n).T.copy()


def standard(values, mean, deviation, gaps):
    """A column (n,) with mean 0 and deviation 1, and where it may have gaps one that says so."""
    z = (missing.fill_with(values, mean) - mean) / deviation
    return [z, missing.flags(values)] if gaps else [z]


def one(scales, row=None, **known):
    """The numbers (R,) of one event of which only `known` is known, since and until in seconds;
    and what an earlier row of the event told.
    """
    found, at = [], 0
    for name, scale in scales.items():
        value = np.array([known.get(name, np.nan)], float)
        value = np.log1p(value) if name in ("since", "until") else value
        columns = standard(value, *scale)
        told = None if row is None or name in known else row[at : at + len(columns), None]
        found += columns if told is None else list(told)
        at += len(columns)
    return np.array(found, np.float32).reshape(-1)
