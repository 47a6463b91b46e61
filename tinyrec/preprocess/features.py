"""An event's numbers (article §3.2.1, §9.3): n_t in equation (1).

since    log time since the user's event before
until    log time from this event to the next one; after the last, to the moment of asking. It is
         the clock: known while serving, and in a test the time of the target
rating, price    as the log has them; where it has gaps, a column more says "was missing"

Each is standardised by the log that is learnt from. What is not known is the mean, 0, as the
method "mean" of missing.py fills it.
"""

import numpy as np

from .events import NUMERIC


def scales(events, clock=True):
    """{name: [mean, standard deviation, are there gaps]} of the numbers that the log has."""
    found = {}
    for name, values in raw(events).items():
        known = values[~np.isnan(values)]
        if len(known) and np.ptp(known) > 0 and (clock or name != "until"):
            gaps = name in NUMERIC and len(known) < len(values)
            found[name] = [float(known.mean()), float(known.std()), gaps]
    return found


def raw(events):
    """{name: (n,)} before standardising, NaN where not known."""
    found = {name: events.numeric[name] for name in NUMERIC if name in events.numeric}
    if events.time is None or not len(events.time):
        return found
    gap = np.diff(events.time)
    gap[np.diff(events.user) != 0] = np.nan
    gap = np.log1p(gap)
    return {"since": np.append(np.nan, gap), "until": np.append(gap, np.nan)} | found


def numbers(events, scales):
    """The events' numbers, (n, R) float32, in the order of `scales`."""
    values, n = raw(events), len(events.item)
    columns = [column for name, scale in scales.items()
               for column in standard(values.get(name, np.full(n, np.nan)), *scale)]  # fmt: skip
    return np.array(columns, np.float32).reshape(-1, n).T.copy()


def standard(values, mean, deviation, gaps):
    """A column (n,) with mean 0 and deviation 1, and where it may have gaps one that says so."""
    z = (values - mean) / deviation
    filled = np.where(np.isnan(z), 0, z)
    return [filled, np.isnan(z)] if gaps else [filled]


def one(scales, **known):
    """The numbers (R,) of one event of which only `known` is known, since and until in seconds."""
    row = []
    for name, scale in scales.items():
        value = np.array([known.get(name, np.nan)], float)
        value = np.log1p(value) if name in ("since", "until") else value
        row += standard(value, *scale)
    return np.array(row, np.float32).reshape(-1)


def place(scales, name):
    """Which of the R columns has this number; None if none has."""
    at = 0
    for other, (_, _, gaps) in scales.items():
        if other == name:
            return at
        at += 1 + gaps
    return None
