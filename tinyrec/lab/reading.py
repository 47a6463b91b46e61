"""How fast is a log read? read_events beside pandas taking the same steps.

Each runs in a process of its own, so that seconds of CPU and memory are its alone.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MEASURE = """
import resource, sys, time
from tinyrec.lab import reading
events = getattr(reading, sys.argv[1])(sys.argv[2])
print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, events)
"""


def compare(rows=10_000_000):
    """Yields (reader, events kept, seconds of CPU, GB of memory at the peak) for a made-up log."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        generate(path, rows)
        for name in ("tinyrec", "pandas"):
            if importlib.util.find_spec(name):
                command = [sys.executable, "-c", MEASURE, f"with_{name}", path]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                seconds, peak, events = done.stdout.split()
                yield name, int(events), float(seconds), int(peak) * 1024 / 1e9


def generate(path, rows, seed=0):
    """A log of user, item, event, timestamp in no order; 27 bytes a row at ten million rows."""
    import polars as pl

    rng = np.random.default_rng(seed)
    kind = rng.choice(4, rows, p=[0.8, 0.1, 0.06, 0.04])
    made = {
        "user": rng.integers(0, rows // 20 + 1, rows),
        "item": (rng.zipf(1.2, rows) % 50_000).astype(np.int32),
        "event": pl.Series(["view", "cart", "buy", None]).gather(kind),
        "timestamp": rng.integers(1_700_000_000, 1_710_000_000, rows),
    }
    pl.DataFrame(made).write_csv(path)


def with_tinyrec(path):
    from tinyrec import read_events

    return len(read_events(path).item)


def with_pandas(path):
    """The cleaning rules that this log calls for, as one would write them in pandas."""
    import pandas as pd

    log = pd.read_csv(path, dtype={"user": str, "item": str, "event": str})
    log = log.dropna(subset=["user", "item"])
    log["event"] = log["event"].fillna("event")
    log["timestamp"] = pd.to_numeric(log["timestamp"], errors="coerce")
    log = log.dropna(subset=["timestamp"]).drop_duplicates()
    usual = log["event"] == log["event"].value_counts().index[0]
    by_user = usual.groupby(log["user"])
    bots = (by_user.transform("size") > 1000) & by_user.transform("all")
    log = log[~bots]
    for name in ("user", "item", "event"):
        log[name], _ = pd.factorize(log[name])
    log = log.sort_values(["user", "timestamp"], kind="stable")
    step = (log["user"].diff() != 0) | (log["item"].diff() != 0)
    steps = log.groupby(step.cumsum()).agg({"user": "first", "item": "first", "event": "last",
                                            "timestamp": "first"})  # fmt: skip
    return len(steps)
