"""Files that are written: looked at before any work, and put into place only when whole."""

import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError

OURS = (  # how all that tinyrec writes begins, and what else is in it
    (b"PK", b"about.npy"), (b"user,rank,item,probability", b""), (b'{\n "model": {', b""),
    (b'[\n {\n  "item": ', b""), (b'{\n "exercise": ', b""), (b'{\n "tests": [', b""),
    (b"<!doctype html>", b"<title>tinyrec"), (b"\x89PNG", b"tinyrec"), (b"<?xml", b"tinyrec"),
    (b"%PDF", b"tinyrec"),
)  # fmt: skip
BINARY = {"mode": "wb"}
TEXT = {"mode": "w", "newline": "", "encoding": "utf-8"}


def check(outputs, inputs=(), force=False):
    """Before any work: raises InputError for an output that could not be written after it, that
    is one of the inputs or another output, or that takes the place of anything but a file of
    tinyrec's own (with force: of any but a regular file). None stands for no file.
    """
    read = {same(path) for path in inputs if path}
    read |= {same(file) for path in inputs if path and os.path.isdir(path)
             for file in Path(path).iterdir()}  # fmt: skip
    written = set()
    for path in outputs:
        if path is None:
            continue
        folder = Path(path).absolute().parent
        if str(path).endswith(("/", os.sep)) or Path(path).is_dir():
            raise InputError(f"{path}: cannot be written there, it is a folder; name a file")
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise InputError(f"{path}: cannot be written there; name a file in a folder you own")
        for use, files in (("read", read), ("written", written)):
            if same(path) in files:
                raise InputError(f"{path}: is {use} already; name another file")
        written.add(same(path))
        for place in (path, f"{path}.part"):
            check_place(place, force)


def check_place(path, force):
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); rename it") from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: is a link or a device, not a file; name another one")
    if found.st_size and not force and not is_ours(path):
        raise InputError(f"{path}: is there, and not by tinyrec; name another file, or --force")


def is_ours(path):
    with suppress(OSError), open(path, "rb") as file:
        text = file.read(1 << 20)
        return any(text.startswith(start) and mark in text for start, mark in OURS)
    return False


def same(path):
    """What two names of one file have in common, whether or not it is there."""
    try:
        found = os.stat(path)
        return found.st_dev, found.st_ino
    except OSError:
        return os.path.normcase(os.path.realpath(path))


@contextmanager
def aside(path, size, opening=BINARY):
    """A file to write into; it takes the path's place once it is whole and on the disk.

    size: bytes that will be written, more or less. Raises InputError where they cannot be.
    """
    part = Path(f"{path}.part")
    for place in (path, part):
        check_place(place, force=True)
    try:
        with open(part, **opening) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        with suppress(OSError):  # not every system can
            flush_folder(part.parent)
    except OSError as error:
        with suppress(OSError):
            free = shutil.disk_usage(part.parent).free
            error.strerror = f"{error.strerror}; it needs {size:,} bytes, {free:,} are free"
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def flush_folder(folder):
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write(path, content):
    """A text or bytes as a file; whole or not at all."""
    content = content.encode() if isinstance(content, str) else content
    with aside(path, len(content)) as file:
        file.write(content)


def tried(*steps):
    """Run all steps, whatever fails; returns what was wrong, a text for each that failed."""
    wrong = []
    for step in steps:
        try:
            step()
        except InputError as error:
            wrong.append(str(error))
    return wrong
