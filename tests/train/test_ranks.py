"""Training on several processes gives the parameters of one, bit for bit."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tinyrec import InputError, store
from tinyrec.train import ranks

pytest.importorskip("mpi4py", reason="the extra mpi is not installed")
MPIEXEC = Path(sys.executable).with_name("mpiexec")
if not MPIEXEC.exists():
    pytest.skip("no mpiexec beside this Python", allow_module_level=True)
SMALL = ["--no-fast", "--dim", "6", "--hidden", "8", "--negatives", "8", "--batch", "64",
         "--threads", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    rng = np.random.default_rng(0)
    lines = [" ".join(f"{(start + step * step) % 50:02}" for step in range(rng.integers(5, 40)))
             for start in rng.integers(0, 50, 300)]  # fmt: skip
    (folder / "log.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(folder, out, *options, size=None, python=("-m", "tinyrec")):
    start = [str(MPIEXEC), "-n", str(size)] if size else []
    mpi = ["--mpi"] if size else []
    command = [*start, sys.executable, *python, "train", "log.txt", "--out", out, *SMALL,
               *options, *mpi]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True,
                          timeout=300)  # fmt: skip


def parameters(path):
    with np.load(path) as file:
        names = set(file.files) - {"about", "checksum"}  # which have the seconds it took
        return {name: file[name].tobytes() for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 4])
def test_any_number_of_ranks_gives_the_bytes_of_one_process(folder, size):
    if not (folder / "alone.npz").exists():
        assert run(folder, "alone.npz", "--epochs", "2").returncode == 0
    done = run(folder, "ranks.npz", "--epochs", "2", size=size)
    assert done.returncode == 0, done.stderr
    assert parameters(folder / "ranks.npz") == parameters(folder / "alone.npz")
    assert done.stdout.count("kept epoch") == 1  # only the first one speaks
    assert re.search(
        rf"{size} ranks, .* MB, .* each rank does\na batch: .* to each\nexpected of n machines",
        done.stdout,
    )


DIES = """
import os, signal, sys
from mpi4py import MPI
from tinyrec.__main__ import main
from tinyrec.train import loop

def run_epoch(state, training, epoch, on_step, learn=loop.run_epoch):
    if epoch == 3 and MPI.COMM_WORLD.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(state, training, epoch, on_step)

loop.run_epoch = run_epoch
sys.exit(main())
"""


@pytest.mark.slow
def test_a_rank_that_dies_ends_the_job_with_a_word_and_the_checkpoint_goes_on(folder):
    whole = run(folder, "whole.npz", "--epochs", "6")
    assert whole.returncode == 0, whole.stderr
    job = run(folder, "dies.npz", "--epochs", "6", size=2, python=["-c", DIES])
    assert job.returncode != 0
    said = job.stdout + job.stderr
    assert "KILLED BY SIGNAL: 9" in said or "killed" in said.lower()
    assert not (folder / "dies.npz").exists()
    store.read(folder / "dies.npz.checkpoint.npz", store.CHECKPOINT)
    done = run(folder, "dies.npz", "--epochs", "6", "--resume", size=2)
    assert done.returncode == 0, done.stderr
    assert "epoch   1/6" not in done.stdout
    assert parameters(folder / "dies.npz") == parameters(folder / "whole.npz")


@pytest.mark.slow
def test_what_is_wrong_is_said_once_and_ends_all_ranks(folder):
    done = run(folder, "no.npz", "--items", "missing.csv", size=2)
    assert done.returncode == 2
    assert done.stderr.count("tinyrec: missing.csv") == 1
    assert "Traceback" not in done.stderr


def test_expected_seconds_fall_with_ranks_until_the_exchange_outweighs_them():
    cost = ranks.Cost(blocks=8.0, here=4.0, exchange=1.0, nbytes=2 * 10**9, exchanges=9)
    on_one = ranks.predicted(cost, 6.0, ranks=1, bandwidth=1e9)
    assert on_one == pytest.approx(8 + 1)  # all blocks, and the rest
    assert ranks.predicted(cost, 6.0, ranks=4, bandwidth=1e9) == pytest.approx(2 + 1.5 + 1)


def test_an_mpi_that_does_not_load_is_said_in_one_line(monkeypatch):
    class Broken(ModuleType):
        def __getattr__(self, name):
            raise RuntimeError("cannot load MPI library\nhere\nthere")

    monkeypatch.setitem(sys.modules, "mpi4py", Broken("mpi4py"))
    with pytest.raises(InputError, match=r"\(cannot load MPI library\)$"), ranks.job():
        pass
