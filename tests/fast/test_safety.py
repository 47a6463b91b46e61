"""What compiled code could do to a process: write out of bounds, not fork, not share."""

import multiprocessing
import os
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tinyrec import Recommender
from tinyrec.preprocess.events import clean

SMALL = {"dim": 8, "hidden": 8, "negatives": 8, "batch": 16, "epochs": 1, "lr": 1e-2}


@cache
def small_log():
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 30, 70)
    users = [f"u{user}" for user, length in enumerate(lengths) for _ in range(length)]
    return clean({"user": users, "item": [f"i{item}" for item in rng.integers(0, 40, len(users))]})


def trained(threads=2):
    return Recommender(**SMALL, threads=threads).fit(small_log()).params


def same(one, other):
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


@pytest.fixture(scope="module")
def expected():
    return trained()


@pytest.mark.parametrize("threads", [1, 3, 4])
def test_parameters_are_the_same_bytes_for_any_number_of_threads(expected, threads):
    assert same(trained(threads), expected)


def test_compiled_and_readable_training_agree(expected):
    readable = Recommender(**SMALL, layers="readable").fit(small_log()).params
    for name, value in readable.items():
        assert np.allclose(expected[name], value, rtol=1e-2, atol=2e-4), name


def test_two_python_threads_may_train_at_once(expected):
    found = [None, None]

    def train(place):
        found[place] = trained()

    workers = [threading.Thread(target=train, args=(place,)) for place in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert same(found[0], expected)
    assert same(found[1], expected)


def train_and_tell(queue):
    queue.put(trained())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_may_train(expected):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=train_and_tell, args=(queue,))
    child.start()
    found = queue.get(timeout=120)
    child.join()
    assert same(found, expected)


@pytest.mark.slow
def test_no_compiled_loop_leaves_its_arrays():
    """The twins' tests once more with Numba checking every index."""
    tests = Path(__file__).parent / "test_twins.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        env=os.environ | {"NUMBA_BOUNDSCHECK": "1"}, cwd=Path(__file__).parents[2],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_nothing_is_written_beside_the_code(expected):
    package = Path(sys.modules["tinyrec"].__file__).parent
    assert not list(package.rglob("*.nbi"))
