"""After a call the process is as it was before."""

import os
import threading

import pytest
from threadpoolctl import threadpool_info

from tinyrec.train.workers import cores, one_blas_thread, workers


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blas_has_its_threads_back_after_two_callers_that_overlap():
    before = blas_threads()
    first_in, second_out = threading.Event(), threading.Event()

    def first():
        with workers(1):
            first_in.set()
            second_out.wait(10)

    def second():
        first_in.wait(10)
        with one_blas_thread():
            assert set(blas_threads()) <= {1}
        second_out.set()

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blas_threads() == before


def test_while_another_caller_is_inside_blas_stays_at_one_thread():
    with one_blas_thread():
        with one_blas_thread():
            pass
        assert set(blas_threads()) <= {1}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_the_default_is_the_cores_this_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)
