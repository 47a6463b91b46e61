"""Models and checkpoints on disk: one .npz of plain arrays and one JSON text, no pickle."""

import json
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .errors import InputError

CHECKPOINT = "tinyrec checkpoint 1"


def write(path, about, arrays):
    """Write arrays (a dict) and about (anything JSON can hold); whole or not at all."""
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    part = Path(f"{path}.part")
    try:
        with open(part, "wb") as file:
            np.savez(file, about=text, **arrays)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def read(path, made_by):
    """What `write` wrote: (about, arrays). about["made by"] has to be `made_by`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop("about").tobytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile):
        raise InputError(f"{path}: not a file that tinyrec wrote; name a {made_by}") from None
    if about.get("made by") != made_by:
        raise InputError(f"{path}: a {about.get('made by')}, not a {made_by}")
    return about, arrays


def flat(groups):
    """{"param": {"E": …}} becomes {"param E": …}, so that several dicts fit one file; None is not
    written.
    """
    return {f"{group} {name}": array
            for group, arrays in groups.items() for name, array in arrays.items()
            if array is not None}  # fmt: skip


def group(name, arrays):
    """The inverse, for one group: {"E": …}."""
    start = f"{name} "
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}


def keep(state, path, run):
    """Write a training's State as a checkpoint; `run` says which training it belongs to."""
    about = {"made by": CHECKPOINT, "run": run, "history": state.history}
    about["steps"] = state.adam.steps
    adam = {"m": state.adam.m, "v": state.adam.v}
    write(path, about, flat({"theta": state.params, "best": state.best} | adam))


def restore(state, path, run):
    """Go on from a checkpoint, if it is there: returns the state. Raises InputError if it is
    another run's.
    """
    if not Path(path).exists():
        return state
    about, arrays = read(path, CHECKPOINT)
    if about["run"] != run:
        raise InputError(f"{path}: left by a training with other settings or another log")
    for name, value in state.params.items():
        value[...] = arrays[f"theta {name}"]
    state.adam.m, state.adam.v = group("m", arrays), group("v", arrays)
    state.adam.steps = about["steps"]
    state.adam.settle()
    state.best, state.history = group("best", arrays), about["history"]
    return state


def check_targets(outputs, inputs=()):
    """Before any work: raises InputError for an output that could not be written after it, or
    that is one of the inputs, or the same as another output. None stands for no file.
    """
    taken = {Path(path).resolve(): "read" for path in inputs if path}
    for path in filter(None, outputs):
        folder = Path(path).absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
            raise InputError(f"{path}: cannot be written there; name a file in a folder you own")
        use = taken.setdefault(Path(path).resolve(), "written")
        if use == "read" or list(map(str, outputs)).count(str(path)) > 1:
            raise InputError(f"{path}: is {use} already; name another file")


@contextmanager
def held(path):
    """Holds a place for one run: raises InputError while another one works into it."""
    lock = Path(f"{path}.lock")
    with open(lock, "wb") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass  # no such locks on this system
        except OSError:
            raise InputError(f"{path}: another run works into it; name another --out") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
