"""Who does the work: a pool of threads, each of whose matrix products runs on one core."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from types import SimpleNamespace

import numpy as np
from threadpoolctl import OpenBLASController, ThreadpoolController

LOCK = threading.Lock()
LIMITS = []  # one a caller that is inside `one_blas_thread`


def cores():
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def workers(threads):
    """Something whose `map` works through blocks: this thread and others, so many in all; where
    no thread starts, as in Pyodide, this one alone.
    """
    keep_freed_memory()
    with one_blas_thread():
        if threads == 1 or not threads_start():
            yield SimpleNamespace(map=map)
        else:
            with ThreadPoolExecutor(threads - 1) as others:
                yield SimpleNamespace(map=partial(shared, others))


def shared(others, work, jobs):
    """As map: yields work(job) in the jobs' order. While a result is still being computed, this
    thread takes the next job that no other has begun.
    """
    jobs = list(jobs)
    futures, ours = [others.submit(work, job) for job in jobs], {}
    left = iter(range(len(jobs)))
    for number, future in enumerate(futures):
        while number not in ours and not future.done():
            mine = next((one for one in left if futures[one].cancel()), None)
            if mine is None:
                break
            ours[mine] = work(jobs[mine])
        yield ours.pop(number) if number in ours else future.result()


@cache
def threads_start():
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        return False
    return True


@contextmanager
def one_blas_thread():
    """Holds BLAS to one thread; when the last of several callers has left, it is as before."""
    with LOCK:
        take_control()
        LIMITS.append(blas().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with LOCK:
            take_control()
            # the first limit knows what was before, so it is the last to go
            LIMITS.pop().restore_original_limits()


@cache
def blas():
    """Where NumPy's BLAS is, which takes longer to find than one user's recommendation."""
    return ThreadpoolController()


def take_control():
    """threadpoolctl from 3.7 on lets only the thread that limited BLAS first change it again."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear:
        clear(force=True)


def keep_freed_memory():
    """Lets the C library (glibc) keep what is freed: a block asks for the megabytes that the
    block before gave back. It returns them to the system, and gets them back page by page,
    until it has seen a large array go: this one.
    """
    np.empty(2**25 - 2**16, np.uint8)
