"""The bench of reading: what it times does the same work on both sides."""

import subprocess
import sys

import pytest

from tinyrec import read_events
from tinyrec.lab import reading


def test_the_made_up_log_has_the_columns_and_calls_for_the_rules(tmp_path):
    reading.generate(tmp_path / "log.csv", 2000)
    events = read_events(tmp_path / "log.csv")
    assert set(events.kinds) == {"view", "cart", "buy", "event"}
    assert events.time is not None and 1500 < len(events.item) < 2000
    assert len(events.users) == 101


def test_pandas_takes_the_same_steps(tmp_path):
    pytest.importorskip("pandas")
    reading.generate(tmp_path / "log.csv", 2000)
    assert reading.with_pandas(tmp_path / "log.csv") == reading.with_tinyrec(tmp_path / "log.csv")


def test_each_reader_is_measured_in_a_process_of_its_own():
    for _, events, seconds, peak in reading.compare(rows=2000):
        assert 1500 < events < 2000
        assert seconds > 0 and peak > 0.01


def test_polars_is_imported_only_when_something_is_read():
    code = "import sys, tinyrec, tinyrec.__main__; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
