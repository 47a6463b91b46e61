"""A process of its own for a learner's file: what it is given, and what it leaves behind.

The process gets copies of worker.py, of the file and of the modules beside it that it imports, in
a folder that is removed afterwards; links to the installed packages, but not to tinyrec; and the
cases without what is expected in them. All that it can hand back is read from one pipe.
"""

import ast
import codecs
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from . import sandbox, worker

SECONDS = 20  # of the processor, after which a solution is stopped; Numba may need some to compile
WAITS = 6  # times as long it may take on a busy machine
INSTALLED = ("site-packages", "dist-packages")
START = """
import sys
from pathlib import Path
folder, seconds, *packages = sys.argv[1:]
sys.path[:0] = [f"{folder}/examiner"]
sys.path += packages
import sandbox
import worker
solution = Path(folder, "solution")
worker.main(solution, lambda: sandbox.shut(folder, packages, int(seconds)))
"""
REPLY, PRINTED = 64 << 20, 1 << 20  # bytes of which the reply, and what is printed, are read


def ask(path, request):
    """(the worker's Reply, what was printed) when the file's functions are called."""
    source = source_of(Path(path))
    if isinstance(source, worker.Reply):
        return source, ""
    folder = Path(tempfile.mkdtemp())
    try:
        packages = furnish(folder, Path(path), source)
        reply, printed, ended = run(folder, packages, json.dumps(worker.as_json(request)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if ended in (None, -getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0)):
        return trouble("too_long", seconds=SECONDS), printed
    try:
        answers, why = worker.from_json(json.loads(reply))
        return worker.Reply([worker.Answer(*answer) for answer in answers], why), printed
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return trouble("ended"), printed


def trouble(key, **values):
    return worker.Reply([], (key, values))


def source_of(path):
    """The text of a Python file, or a Reply that says why it is none."""
    if path.suffix != ".py":
        return trouble("notebook" if path.suffix == ".ipynb" else "no_python", file=path.name)
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return trouble("utf_16")
    for encoding in ("utf-8-sig", "gb18030", "latin-1"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue


def furnish(folder, path, source):
    """Put everything into the folder; returns where the packages are."""
    for name in ("examiner", "solution", "packages"):
        (folder / name).mkdir()
    for module in (worker, sandbox):
        shutil.copy(module.__file__, folder / "examiner")
    (folder / "solution/solution.py").write_text(source, "utf-8", newline="")
    copy_helpers(path.parent, source, folder / "solution")
    installed = [place for place in map(Path, sys.path) if place.name in INSTALLED]
    try:
        for entry in (entry for place in installed if place.is_dir() for entry in place.iterdir()):
            at = folder / "packages" / entry.name
            if entry.name.split(".")[0] not in worker.REFUSED and not at.is_symlink():
                at.symlink_to(entry.resolve())
    except OSError:  # a system without links: the packages are read where they are
        return [str(place) for place in installed]
    return [str(folder / "packages")]


def copy_helpers(beside, source, to):
    """Copy the modules beside a file that it imports, and those that they import."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # said when it is loaded
        return
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    for name in {name.split(".")[0] for name in names}:
        module, package = beside / f"{name}.py", beside / name
        if package.is_dir() and not (to / name).exists():
            shutil.copytree(package, to / name)
        elif module.is_file() and not (to / module.name).exists():
            shutil.copy(module, to)
            copy_helpers(beside, module.read_text("utf-8", "replace"), to)


def run(folder, packages, request):
    """(what came back, what was printed, the exit code or None) of the worker in its folder."""
    python = [sys.executable, "-I", "-S", "-B", "-X", "utf8"]
    there = {"HOME": str(folder), "MPLCONFIGDIR": str(folder), "TMPDIR": str(folder),
             "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    system = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    process = subprocess.Popen(
        [*python, "-c", START, str(folder), str(SECONDS), *packages],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=folder / "solution", env=system | there, start_new_session=True,
    )  # fmt: skip
    kept = {"reply": b"", "printed": b""}
    ends = [("reply", process.stdout, REPLY), ("printed", process.stderr, PRINTED)]
    readers = [threading.Thread(target=read, args=(process, kept, *end)) for end in ends]
    for reader in readers:
        reader.start()
    try:
        process.stdin.write(request.encode())
        process.stdin.close()
    except OSError:
        pass
    try:
        ended = process.wait(SECONDS * WAITS)
    except subprocess.TimeoutExpired:
        ended = None
    finally:  # also where somebody interrupts
        end(process)
    for reader in readers:
        reader.join(SECONDS)
    return kept["reply"], kept["printed"].decode("utf-8", "replace"), ended


def read(process, kept, name, pipe, most):
    """Keep what comes through a pipe, up to so many bytes; who replies more is ended."""
    kept[name] = pipe.read(most)
    while pipe.read(most):
        if name == "reply":
            end(process)


def end(process):
    """The process, and all that it started and that is still in its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except AttributeError:  # Windows
        process.kill()
    except (ProcessLookupError, PermissionError):
        pass
