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


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_job_is_done_once_and_the_results_come_in_order(threads):
    done = []

    def work(job):
        done.append(job)
        return job * job

    with workers(threads) as pool:
        assert list(pool.map(work, iter(range(50)))) == [job * job for job in range(50)]
        assert list(pool.map(work, [])) == []
    assert sorted(done) == list(range(50))


def test_the_calling_thread_takes_jobs_too_and_what_one_raises_is_raised():
    both = threading.Barrier(2)

    def work(job):
        both.wait(10)  # for another job that is worked on at the same time
        return threading.get_ident()

    with workers(2) as pool:
        assert threading.get_ident() in set(pool.map(work, range(4)))
        with pytest.raises(ZeroDivisionError):
            list(pool.map(lambda job: 1 // job, [1, 0, 2]))
