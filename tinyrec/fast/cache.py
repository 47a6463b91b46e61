"""Compiled code kept on disk, so that the second run starts at once.

Numba looks only at the file of a function to see whether its kept code is old, not at the
functions that it calls. So the code lies in a folder named by a hash of everything that it
depends on: another source, version or processor is another folder.
"""

import hashlib
import os
import platform
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba.core.caching import FunctionCache

KEPT = 4  # folders, so that they do not pile up while someone works on the sources


def fingerprint():
    """A hash of all that compiled code depends on."""
    parts = [numba.__version__, llvmlite.__version__, np.__version__, platform.python_version(),
             binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]  # fmt: skip
    parts += sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    sources = sorted(Path(__file__).parent.glob("*.py"))
    texts = [source.read_bytes() for source in sources]
    return hashlib.sha256(b"\0".join([part.encode() for part in parts] + texts)).hexdigest()[:32]


def folder():
    """Where compiled code is kept, or None where nothing can be written."""
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyrec"
        ours = home / fingerprint()
        ours.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(ours)
        probe = ours / uuid.uuid4().hex
        probe.touch()
        probe.unlink()
        for old in sorted(home.iterdir(), key=os.path.getmtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    except (OSError, RuntimeError):
        return None
    return ours


class Cache(FunctionCache):
    """Numba's, for which a file that is broken or cannot be written is no error."""

    def __init__(self, function):
        super().__init__(function)
        # two processes that write at once must not take the same number for different code
        self._cache_file._data_name = lambda number: f"{function.__name__}.{uuid.uuid4().hex}.nbc"

    def load_overload(self, *which):
        try:
            return super().load_overload(*which)
        except Exception:  # whatever unpickling makes of a broken file: compiled anew, kept anew
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *what):
        try:
            super().save_overload(*what)
        except OSError:
            self.disable()


def keep(dispatcher, folder):
    """The compiled function, whose code is kept in the folder."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        dispatcher._cache = Cache(dispatcher.py_func)
    finally:
        numba.config.CACHE_DIR = before
    return dispatcher
