"""Compiled code is kept between runs, and never served where it would be wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinyrec.fast import cache

ADD = """
import sys
import numpy as np
from tinyrec.fast.functions import add_scaled
out = np.ones(3, sys.argv[1])
add_scaled(out, out.dtype.type(2), np.arange(3, dtype=out.dtype))
print(out.dtype, *out, sum(add_scaled.stats.cache_hits.values()))
"""
WALK = """
import zlib
import numpy as np
from tinyrec.fast import lstm
rng = np.random.default_rng(0)
x, W, U = (rng.normal(size=s).astype("f4") for s in ((5, 9, 8), (8, 32), (8, 32)))
h, kept = lstm.forward(x, W, U, np.zeros(32, "f4"))
dx, grads = lstm.backward(h, kept)
print(zlib.crc32(b"".join(a.tobytes() for a in (h, dx, *grads.values()))))
"""


def start(home, code, *arguments, **more):
    environment = os.environ | {"XDG_CACHE_HOME": str(home)} | more
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, text=True,
                            stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])  # fmt: skip


def run(home, code, *arguments, **more):
    return start(home, code, *arguments, **more).communicate()[0].strip()


def test_the_second_run_takes_what_the_first_compiled(tmp_path):
    assert run(tmp_path, ADD, "f4") == "float32 1.0 3.0 5.0 0"
    assert run(tmp_path, ADD, "f4") == "float32 1.0 3.0 5.0 1"
    assert run(tmp_path, ADD, "f4", NUMBA_BOUNDSCHECK="1").endswith("0")


@pytest.mark.slow
def test_the_second_run_gives_the_same_bytes_as_the_first(tmp_path):
    assert run(tmp_path, WALK) == run(tmp_path, WALK) != ""


def test_two_runs_that_write_at_once_leave_nothing_wrong(tmp_path):
    both = [start(tmp_path, ADD, kind) for kind in ("f4", "f8")]
    for one in both:
        one.communicate()
    assert run(tmp_path, ADD, "f4").startswith("float32 1.0 3.0 5.0")
    assert run(tmp_path, ADD, "f8").startswith("float64 1.0 3.0 5.0")


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_broken_file_is_compiled_anew(tmp_path, ending):
    run(tmp_path, ADD, "f4")
    broken = list(tmp_path.rglob(f"*.{ending}"))
    for file in broken:
        file.write_bytes(file.read_bytes()[:-7])
    assert broken
    assert run(tmp_path, ADD, "f4") == "float32 1.0 3.0 5.0 0"


def test_where_nothing_can_be_written_it_is_off(tmp_path):
    (tmp_path / "file").touch()
    assert run(tmp_path / "file", ADD, "f4") == "float32 1.0 3.0 5.0 0"


def test_a_change_of_any_source_is_another_folder(tmp_path, monkeypatch):
    shutil.copytree(Path(cache.__file__).parent, tmp_path / "fast")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "fast/cache.py"))
    before = cache.fingerprint()
    assert cache.fingerprint() == before
    for source in (tmp_path / "fast").glob("*.py"):
        source.write_text(source.read_text("utf-8") + "\n", "utf-8")
        before, was = cache.fingerprint(), before
        assert before != was, source


def test_folders_of_older_sources_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in "abcdef":
        monkeypatch.setattr(cache, "fingerprint", lambda name=name: name)
        assert cache.folder().is_dir()
        os.utime(tmp_path / "tinyrec" / name, (ord(name), ord(name)))
    assert {path.name for path in (tmp_path / "tinyrec").iterdir()} == set("cdef")
