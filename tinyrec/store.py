"""Models and checkpoints on disk: one .npz of plain arrays and one JSON text, no pickle.

A file may come from anybody. Before anything computes with what it holds, its bytes are compared
with its checksum, and its arrays with one table: names, types, shapes that agree with each other
and with the settings, ranges. `table_of` gives that table; a checkpoint has the parameters four
times.
"""

import hashlib
import json
import math
import os
import stat
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import outputs, settings
from .errors import InputError
from .model import content, heads, network

CHECKPOINT = "tinyrec checkpoint 2"
LARGEST = float(np.finfo(np.float32).max)
DAMAGED = "damaged, or changed since it was written; take another copy of it, or train again"


class Array(NamedTuple):
    """What an array has to be. A size that nothing else says is that of the first to have it."""

    shape: str  # as in network.PARAMETERS; S: users + 1, n: events
    types: tuple = ("float32",)
    least: float = -LARGEST
    below: str | None = None  # a size that all numbers are less than


def whole(shape, below=None):
    return Array(shape, ("int32", "int64"), 0, below)


PARAMETERS = {name: Array(shape) for name, shape in network.PARAMETERS.items()}
KNOWN = {"C": "N F", "mean": "d", "turn": "d F"} | content.PARAMETERS


def flat(groups):
    """{"param": {"E": …}} becomes {"param E": …}, so that several dicts fit one file; None is not
    written.
    """
    return {f"{group} {name}": array
            for group, arrays in groups.items() for name, array in arrays.items()
            if array is not None}  # fmt: skip


MODEL = flat({  # what every model has
    "param": {name: array for name, array in PARAMETERS.items() if name != "E"},
    "log": {"items": whole("n", "N"), "kinds": whole("n", "M"), "starts": whole("S"),
            "numbers": Array("n R")},
    "split": {"train": whole("t 2"), "valid": whole("v 2", "n"), "test": whole("e 2", "n")},
})  # fmt: skip
BESIDES = (  # what some have besides, each group whole or not at all
    flat({"content": {name: Array(shape, ("float32", "float64"))
                      for name, shape in KNOWN.items()}}),
    *(flat({"param": {f"{name} {task}": Array(shape)
                      for name, shape in heads.PARAMETERS.items()}}) for task in heads.LOSSES),
)  # fmt: skip


def item_table(arrays):
    """E as it is; or in parts (model/table.py), of which codes are there, and others may be."""
    if "param E codes" not in arrays:
        return {"param E": PARAMETERS["E"]}
    width = "r" if "param E basis" in arrays else "D"
    parts = {"codes": Array(f"N {width}", ("float32", "float16", "int8")),
             "scale": Array("N 1"), "basis": Array("r D")}  # fmt: skip
    return {name: array for name, array in flat({"param E": parts}).items() if name in arrays}


def table_of(arrays):
    """{name: Array}: the table that the arrays of a model are compared with."""
    table = MODEL | item_table(arrays)
    for group in BESIDES:
        if group.keys() & arrays.keys():
            table |= group
    return table


def is_number(value, least=-LARGEST):
    return type(value) in (int, float) and least <= value <= LARGEST


def are_ids(value):
    return isinstance(value, list) and are_texts(value) and 0 < len(set(value)) == len(value)


def are_texts(values):
    return all(isinstance(value, str) for value in values)


EPOCH = {"epoch", "of", "loss", "accuracy", "ndcg@10", "hr@10", "validation_users", "seconds",
         "validation_seconds"}  # fmt: skip


def is_history(value):
    """One dict of numbers an epoch."""
    return isinstance(value, list) and all(
        isinstance(entry, dict) and entry.keys() >= EPOCH
        and entry["epoch"] == number and {*map(type, entry.values())} <= {int, float}
        for number, entry in enumerate(value, start=1)
    )  # fmt: skip


ABOUT = {  # what a model's text has to say
    "users": are_ids,
    "items": are_ids,
    "kinds": are_ids,
    "titles": lambda value: isinstance(value, dict) and are_texts(value.values()),
    "texts": lambda value: isinstance(value, dict) and are_texts(value.values()),
    "scales": lambda value: isinstance(value, dict) and all(
        is_number(mean) and is_number(deviation, 1e-300) and isinstance(gaps, bool)
        for mean, deviation, gaps in value.values()),
    "added": lambda value: type(value) is int and value >= 0,
    "settings": lambda value: None not in {**settings.check(value), "preset": 0}.values(),
    "history": is_history,
    "layers": lambda value: value in ("fast", "readable", "own"),
    "report": lambda value: all(are_texts([rule]) and type(n) is int for rule, n in value),
    "calibration": lambda value: len(value) == 3 and all(map(is_number, value)),
    "run": lambda value: value is None or isinstance(value, dict),
}  # fmt: skip


def write(path, about, arrays):
    """Write arrays (a dict) and about (anything JSON can hold); whole or not at all."""
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    arrays = {"about": text} | arrays
    checksum = np.frombuffer(bytes.fromhex(digest(arrays)), np.uint8)
    with outputs.aside(path, sum(array.nbytes for array in arrays.values())) as file:
        np.savez(file, **arrays, checksum=checksum)


def read(path, made_by):
    """What `write` wrote, with the same checksum: (about, arrays).

    about["made by"] has to be `made_by`.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"{path}: not a regular file; name a {made_by}")
        settings.check_memory(os.path.getsize(path), f"{path}: to be read")
        arrays = unpacked(path)
        checksum = arrays.pop("checksum", np.empty(0)).tobytes().hex()
        about = json.loads(arrays["about"].tobytes())
        found = about["made by"]
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except InputError:
        raise
    except Exception:  # a damaged archive may raise almost anything
        raise InputError(f"{path}: not a file that tinyrec wrote; name a {made_by}") from None
    if found != made_by:
        raise InputError(f"{path}: a {found!r:.40}, not a {made_by}; train again to have one")
    if digest(arrays) != checksum:
        raise InputError(f"{path}: {DAMAGED}")
    del arrays["about"]
    return about, arrays


def unpacked(path):
    """{name: array} of an .npz that is not compressed: it holds no more than the file is long.

    Damage may raise any exception.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(m.file_size for m in members) > os.path.getsize(path):
            raise ValueError("larger than the file")
        arrays = {m.filename.removesuffix(".npy"): member(archive, m) for m in members
                  if m.compress_type == zipfile.ZIP_STORED}  # fmt: skip
    if len(arrays) < len(members):
        raise ValueError("compressed, or twice the same name")
    return arrays


def member(archive, about):
    """One array, for which there is no memory asked but that of its bytes in the file."""
    with archive.open(about) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("not a header that tinyrec writes")
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        if file.tell() + dtype.itemsize * math.prod(shape) != about.file_size:
            raise ValueError("another size than its header says")
        array = np.empty(shape, dtype, "F" if by_columns else "C")
        flat = (array.T if by_columns else array).reshape(-1)
        if file.readinto(flat.view(np.uint8)) != array.nbytes:
            raise EOFError
    return array


def digest(arrays):
    """A checksum over the names, types, shapes and bytes of arrays; None counts as absent."""
    found = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        if array is not None:
            found.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            found.update(np.ascontiguousarray(array))
    return found.hexdigest()


def agree(path, arrays, wanted, sizes):
    """Compares arrays with {name: Array}, and all sizes with those known. Raises InputError."""
    for name in sorted(wanted.keys() ^ arrays.keys()):
        raise InputError(f"{path}: {'no' if name in wanted else 'an unknown'} array {name!r:.60}")
    sizes = {"1": 1, "2": 2} | sizes
    for name, (shape, types, least, below) in wanted.items():
        array, letters = arrays[name], shape.split()
        found = dict.fromkeys(letters, 0) | dict(zip(letters, array.shape, strict=False))
        sizes = found | sizes
        expected = network.shape(shape, **sizes)
        if array.shape != expected or array.dtype not in map(np.dtype, types):
            raise InputError(f"{path}: {name} is {array.dtype} {array.shape}, and has to be "
                             f"{' or '.join(types)} {expected}")  # fmt: skip
        most = sizes[below] - 1 if below else LARGEST
        if array.size and not least <= float(array.min()) <= float(array.max()) <= most:
            raise InputError(f"{path}: {name} has numbers out of range, or that are none")


def check_model(path, about, arrays):
    """Raises InputError unless about and arrays, as `read`, are those of a model."""
    for name, is_right in ABOUT.items():
        try:
            right = is_right(about[name])
        except (InputError, LookupError, TypeError, ValueError, AttributeError):
            right = False
        if not right:
            raise InputError(f"{path}: its {name} are not those of a model")
    given, scales = about["settings"], about["scales"]
    sizes = {"N": len(about["items"]), "M": len(about["kinds"]), "S": len(about["users"]) + 1,
             "R": sum(1 + gaps for _, _, gaps in scales.values()),
             "D": given["dim"], "H": given["hidden"]}  # fmt: skip
    agree(path, arrays, table_of(arrays), sizes)
    starts, n = arrays["log starts"], len(arrays["log items"])
    right = starts[0] == 0 and starts[-1] == n and (starts[:-1] < starts[1:]).all()
    for name, spans in group("split", arrays).items():
        start, stop = spans.T
        right = right and (stop <= n).all() and (start < stop + (name == "train")).all()
    if not right or about["added"] >= sizes["N"]:
        raise InputError(f"{path}: its log or split has spans that do not lie in the log")


def group(name, arrays):
    """The inverse of `flat`, for one group: {"E": …}."""
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
    another run's, and warns where it was begun for fewer epochs.
    """
    if not os.path.lexists(path):
        return state
    about, arrays = read(path, CHECKPOINT)
    before, steps = about.get("run"), about.get("steps")
    if not (isinstance(before, dict) and type(steps) is int and 0 <= steps < 2**40
            and is_history(about.get("history"))):  # fmt: skip
        raise InputError(f"{path}: {DAMAGED}")
    compare_runs(path, before, run)
    shapes = {name: PARAMETERS.get(name) or Array(KNOWN[name]) for name in state.params}
    squares = {name: array._replace(least=0) for name, array in shapes.items()}
    wanted = flat({"theta": shapes, "best": shapes, "m": shapes, "v": squares})
    (N, D), H, p = state.params["E"].shape, len(state.params["U"]), state.params
    agree(path, arrays, wanted, {"N": N, "D": D, "H": H, "M": len(p["A"]), "R": len(p["F"]),
                                 "F": len(p.get("P", ()))})  # fmt: skip
    for name, value in state.params.items():
        value[...] = arrays[f"theta {name}"]
    state.adam.m, state.adam.v = group("m", arrays), group("v", arrays)
    state.adam.steps = steps
    state.adam.settle()
    state.best, state.history = group("best", arrays), about["history"]
    return state


def compare_runs(path, before, now):
    """Raises InputError that names what two runs, {name: anything}, differ in.

    The later may have more epochs.
    """
    differ = [name for name in now if before.get(name) != now[name]]
    epochs = before.get("epochs")
    if differ == ["epochs"] and is_number(epochs) and epochs < now["epochs"]:
        warnings.warn(
            f"{path}: begun for {epochs} epochs, now {now['epochs']}: the learning rate, on its "
            f"way to zero after {epochs}, goes up again, to be zero after {now['epochs']}; the "
            "result is not that of so many at once", stacklevel=2)  # fmt: skip
        return
    words = [f"another {name}" + ("" if is_digest(now[name]) else
                                  f": {before.get(name)!s:.60} then, {now[name]} now")
             for name in differ]  # fmt: skip
    if differ:
        raise InputError(f"{path}: left by a training with {'; '.join(words)}; leave out "
                         "--resume to begin anew")  # fmt: skip


def is_digest(value):
    return isinstance(value, str) and len(value) == 32


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
