"""Shuts a process in, as far as the system allows: what it may read, start, signal and use up.

It stands alone, as worker.py does, and cannot be undone by what runs afterwards. On Linux the
kernel holds the doors: Landlock says which files are there, a seccomp filter which calls are.
Where there is neither, limits of the system are all that is set.
"""

import ctypes
import os
import platform
import struct
import sys
from glob import glob
from pathlib import Path

SYSTEM = ("/lib64", "/usr/lib64", "/lib/*-linux-*", "/usr/lib/*-linux-*", "/usr/share/fonts",
          "/usr/share/zoneinfo", "/etc", "/dev/null", "/dev/urandom", "/proc/self",
          "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system")  # fmt: skip
MEMORY = 4 << 30  # bytes of address space; Numba's compiler maps a good part of it
WRITTEN = 1 << 20  # bytes of the largest file

# Numbers of the calls that a solution has no need of: to start programs, to send signals, to open
# connections, and what would lead around the filter. Then those that depend on an argument.
CALLS = {
    "x86_64": (0xC000003E, (57, 58, 59, 322, 62, 200, 129, 297, 424, 101, 41, 53, 311, 272, 165,
                            321, 425), {"clone": 56, "tgkill": 234, "prlimit": 302}),
    "aarch64": (0xC00000B7, (221, 281, 129, 130, 138, 240, 424, 117, 198, 199, 271, 97, 40, 280,
                             425), {"clone": 220, "tgkill": 131, "prlimit": 261}),
}  # fmt: skip
CLONE3, CLONE_THREAD = 435, 0x10000
REFUSE, NOT_THERE, ALLOW = 0x50001, 0x50026, 0x7FFF0000  # EPERM, ENOSYS, go on
LOAD, EQUAL, BITS, RETURN = 0x20, 0x15, 0x45, 0x06


def shut(folder, packages, seconds):
    """For the rest of this process: the folder is written to; packages and Python are read."""
    limit(seconds)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)  # no new privileges, which both ask for
        readable = [name for pattern in SYSTEM for name in glob(pattern)]
        standard = Path(os.__file__).parent
        readable += [entry for entry in standard.iterdir() if entry.name != "site-packages"]
        readable += [entry.resolve() for place in packages for entry in Path(place).iterdir()]
        allow_files(libc, readable, folder)
        allow_calls(libc)


def limit(seconds):
    """Processor time, memory and the size of files; there is no such limit on Windows."""
    try:
        import resource
    except ImportError:
        return
    for name, most in (("CPU", seconds), ("AS", MEMORY), ("FSIZE", WRITTEN), ("CORE", 0)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def allow_files(libc, readable, folder):
    """Landlock: reading these, reading and writing the folder, and nothing else."""
    version = libc.syscall(444, None, 0, 1)
    if version < 1:
        return
    read, everything = 0b1100, (1 << 13) - 1  # of files and of folders; all of the first version
    everything |= (1 << 13) * (version > 1) | (1 << 14) * (version > 2)
    ruleset = libc.syscall(444, struct.pack("Q", everything), 8, 0)
    for path, access in [(path, read) for path in readable] + [(folder, everything & ~1)]:
        try:
            place = os.open(path, os.O_PATH)
        except OSError:
            continue
        if not os.path.isdir(path):
            access &= 0b110
        libc.syscall(445, ruleset, 1, struct.pack("=Qi", access, place), 0)
        os.close(place)
    libc.syscall(446, ruleset, 0)
    os.close(ruleset)


def allow_calls(libc):
    """seccomp: none of the calls above; threads may be started, this process may be signalled."""
    machine = platform.machine()
    if machine not in CALLS:
        return
    architecture, refused, special = CALLS[machine]
    own = os.getpid()
    steps = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, REFUSE), (LOAD, 0, 0, 0)]
    for number in refused:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    steps += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, NOT_THERE)]  # then clone is tried
    steps += [(EQUAL, 0, 4, special["clone"]), (LOAD, 0, 0, 16), (BITS, 0, 1, CLONE_THREAD),
              (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]  # fmt: skip
    for name, ours in (("tgkill", own), ("prlimit", 0)):
        steps += [(EQUAL, 0, 4, special[name]), (LOAD, 0, 0, 16), (EQUAL, 0, 1, ours),
                  (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]  # fmt: skip
    steps.append((RETURN, 0, 0, ALLOW))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    filter = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
    libc.prctl(22, 2, filter, 0, 0)
