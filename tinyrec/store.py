"""Models and checkpoints on disk: one .npz of plain arrays and one JSON text, no pickle."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from .errors import InputError


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


def with_prefix(prefix, arrays):
    """{"E": …} becomes {"prefix E": …}, so that several dicts fit one file."""
    return {f"{prefix} {name}": value for name, value in arrays.items()}


def without_prefix(prefix, arrays):
    """The inverse: only the arrays with that prefix, which is taken off."""
    start = f"{prefix} "
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
