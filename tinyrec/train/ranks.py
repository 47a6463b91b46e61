"""Blocks on several processes or machines: `mpiexec -n 4 tinyrec train LOG --mpi`.

Every rank holds the whole model and deals the blocks of a batch out in the same way; what its
blocks gave, it sends to all others. Each then sums the gradients in block order and takes the
same step, so that the parameters are those of one process, bit for bit, and no rank leads.
Reading is done by the first rank, for all.
"""

import os
import pickle
import sys
import time
import traceback
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import InputError
from .workers import cores


class Cost(NamedTuple):
    """What a training took so far."""

    blocks: float  # seconds of all ranks together in their own blocks
    here: float  # seconds of this rank in its own blocks
    exchange: float  # seconds of this rank to wait for the others and to get their results
    nbytes: int  # that all ranks sent
    exchanges: int  # one a batch, and those of validation


class Ranks:
    """The processes of one MPI job; comm as mpi4py has it."""

    def __init__(self, comm):
        self.comm, self.first, self.size = comm, comm.rank == 0, comm.size
        self.here = self.exchange = 0.0
        self.nbytes = self.exchanges = 0

    def map(self, run):
        """`run`, a map, with the jobs dealt out to the ranks: all results, in the jobs' order."""

        def mapped(work, jobs):
            jobs, began = list(jobs), time.perf_counter()
            ours = list(run(work, jobs[self.comm.rank :: self.size]))
            done = time.perf_counter()
            parts = self.comm.allgather(pickle.dumps(ours, protocol=5))
            found = [None] * len(jobs)
            for rank, part in enumerate(parts):
                found[rank :: self.size] = ours if rank == self.comm.rank else pickle.loads(part)
            self.here += done - began
            self.exchange += time.perf_counter() - done
            self.nbytes += sum(map(len, parts))
            self.exchanges += 1
            return found

        return mapped

    def threads(self):
        """Workers for each rank, where those of one machine share its cores."""
        from mpi4py import MPI

        return max(1, cores() // self.comm.Split_type(MPI.COMM_TYPE_SHARED).size)

    def of_first(self, make):
        """What make() gives on the first rank, on all of them."""
        return self.comm.bcast(make() if self.first else None)

    def cost(self):
        """The Cost so far; to be called by all ranks."""
        blocks = self.comm.allreduce(self.here)
        return Cost(blocks, self.here, self.exchange, self.nbytes, self.exchanges)


class One:
    """No MPI: the same names for a single process."""

    first, size = True, 1

    def threads(self):
        return cores()

    def map(self, run):
        return run

    def of_first(self, make):
        return make()


@contextmanager
def job():
    """The Ranks of the MPI job this process belongs to; what ends one of them ends them all.

    Only the first one's output is shown. Raises InputError where mpi4py is missing.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"--mpi: pip install 'tinyrec[mpi]' ({reason})") from None
    comm = MPI.COMM_WORLD
    if comm.rank:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        yield Ranks(comm)
    except BaseException as error:
        if comm.size == 1:
            raise
        time.sleep(5 if comm.rank else 0)  # what is wrong for all of them is said by the first
        if isinstance(error, InputError):
            print(f"tinyrec: {error}", file=sys.stderr, flush=True)
        elif not isinstance(error, KeyboardInterrupt):
            traceback.print_exc()
        code = {InputError: 2, KeyboardInterrupt: 130}.get(type(error), 1)
        comm.Abort(code)


def predicted(cost, seconds, ranks, bandwidth):
    """Seconds that a training would take on so many ranks, each on a machine of its own.

    cost: of a training that took `seconds` on some ranks. Assumed: blocks are shared out evenly;
    each rank receives what all others found, at `bandwidth` bytes a second, and does the rest
    (sums, Adam's step, draws) itself; nothing overlaps.
    """
    rest = seconds - cost.here - cost.exchange
    sent = cost.nbytes * (ranks - 1) / ranks
    return cost.blocks / ranks + sent / bandwidth + rest
