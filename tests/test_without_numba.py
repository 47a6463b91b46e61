"""In a browser (Pyodide) there is neither Numba nor a thread."""

import subprocess
import sys
from pathlib import Path

HIDDEN = """
import sys, threading, warnings
sys.modules["numba"] = sys.modules["llvmlite"] = None

def no_thread(*_):
    raise RuntimeError("can't start new thread")

threading.Thread.start = no_thread
from types import SimpleNamespace
from tinyrec import Recommender, read_events
from tinyrec.coursework import check, replaced
from tinyrec.model import lstm

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    log = {"user": [u for u in range(9) for _ in range(6)], "item": list(range(9)) * 6,
           "timestamp": list(range(54))}
    events = read_events(log)
    given = {"dim": 4, "hidden": 4, "epochs": 2, "negatives": 3}
    model = Recommender(**given).fit(events)
    model.evaluate()
    again = Recommender(**given, threads=2, layers=replaced(lstm=lstm)).fit(events)
    items, _ = model.recommend(users="all", k=2)
assert items.shape == (9, 2)
assert again.history_[-1]["loss"] == model.history_[-1]["loss"]
print(*[one.message for one in said if "Numba" in str(one.message)], sep="\\n")
print(check("lstm_step", step=lambda z, c: None).messages[0][1])
"""


def test_it_trains_recommends_and_judges_without_numba_and_without_threads():
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True,
                          cwd=Path(__file__).parents[1], check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    word, verdict = done.stdout.splitlines()
    assert "readable layers" in word and "returns nothing yet" in verdict
