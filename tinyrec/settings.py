"""Every setting once: its type, default, range and meaning, and what it becomes on a log.

`Recommender`'s signature and help, the checks, the command line and the saved file read this
table. A setting that is None follows the log, by `follow`.
"""

import argparse
import inspect
import math
import operator
import os
import warnings
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from .errors import InputError
from .model.network import LAYERS as LAYER_NAMES
from .preprocess.sequences import BLOCK, STEPS


class Setting(NamedTuple):
    kind: type
    default: object
    allowed: tuple  # (least, most) of a number, or the words there are
    meaning: str


TABLE = {
    "dim": Setting(int, None, (1, 2**16), "width of the item vectors (D)"),
    "hidden": Setting(int, None, (1, 2**16), "width of the LSTM state (H)"),
    "epochs": Setting(int, None, (1, 10**6), "passes over the log"),
    "batch": Setting(int, None, (1, 10**6), "windows of history in a step"),
    "max_len": Setting(int, 200, (1, 10**6), "events of history that are looked at"),
    "negatives": Setting(int, None, (1, 10**6), "items drawn for each user in a step (K)"),
    "lr": Setting(float, None, (1e-12, 1e30), "Adam's rate at its highest; it falls to zero"),
    "dropout": Setting(float, None, (0, 0.9999), "share of x, long and h dropped in training"),
    "t": Setting(float, 0.75, (0, 1), "gBCE's calibration"),
    "preset": Setting(str, None, ("best",), "larger and longer"),
    "split": Setting(str, "last", ("last", "time"), "hold back users' last two events, or by"),
    "clock": Setting(bool, True, (), "the time from the last event on is known, also in a test"),
    "lift": Setting(float, 1.0, (1e-9, 1e9), "odds of items that nobody took yet, times this"),
    "seed": Setting(int, 0, (0, 2**63 - 1), "of all random draws"),
}  # fmt: skip
MODELS = {  # D, H, dropout with one event an item, rate, epochs
    "small": (64, 64, 0.75, 1e-2, 24),
    "middle": (128, 128, 0.82, 5e-3, 40),
    "wide": (128, 256, 0.9, 2e-2, 14),
}
LAYERS = Setting(object, "fast", ("fast", "readable"), "or layers of your own")
THREADS = Setting(int, None, (1, 1024), "workers (one a core); results do not depend on it")


def check(given):
    """The settings of `given` with plain numbers, and defaults for the others.

    Raises InputError that names the first setting unknown, of another type or out of range.
    """
    for name in given:
        if name not in TABLE:
            raise InputError(f"no setting {name!r}: there are {', '.join(TABLE)}")
    values = {name: given.get(name, setting.default) for name, setting in TABLE.items()}
    return {name: checked(name, value, TABLE[name]) for name, value in values.items()}


def checked(name, value, setting):
    """One value as its setting's type; None stays None. Raises InputError."""
    if value is None:
        return None
    if setting.kind is bool:
        if not isinstance(value, (bool, np.bool_)):
            raise InputError(f"{name} is {value!r:.60}: it has to be True or False")
        return bool(value)
    if setting.kind in (str, object):
        wrong = value not in setting.allowed if isinstance(value, str) else setting.kind is str
        if wrong:
            words = " or ".join(f'"{word}"' for word in setting.allowed)
            raise InputError(f"{name} is {value!r:.60}: it has to be {words}")
        return value
    try:
        number = operator.index(value) if setting.kind is int else float(value + 0)
    except TypeError:
        noun = "whole number" if setting.kind is int else "number"
        raise InputError(f"{name} is {value!r:.60}: it has to be a {noun}") from None
    except OverflowError:  # a whole number beyond any float
        number = math.inf
    least, most = setting.allowed
    if not least <= number <= most:
        raise InputError(f"{name} is {value!s:.60}: it has to be between {least:,} and {most:,}")
    return number


def follow(given, windows, items, content=False):
    """The settings with each None replaced by what suits the log.

    A log of half a million events or more, or the preset "best", gets the wide model, and "best"
    twice the epochs; one of ten thousand windows or more the middle one, whose many steps are half
    as long. Where content is known of the items, the small one has as wide a state, too. Dropout
    grows with the width and falls by a fifth with every tenfold of events an item. A step takes
    about 8,000 events: 16 to 128 windows, and a sixtieth of them at most; larger steps learn
    slowly. A user's negatives serve all events of a window: there are about eight for each of
    these, the nearest power of two, 128 to 1,024. windows (n, 2) are those trained on; items: how
    many there are.
    """
    events, best = int((windows[:, 1] - windows[:, 0] - 1).sum()), given["preset"] == "best"
    model = "wide" if events >= 500_000 else "middle" if len(windows) >= 10_000 else "small"
    *_, lr, epochs = MODELS[model]
    dim, hidden, dropout, *_ = MODELS["wide" if best else model]
    hidden = max(hidden, MODELS["middle"][1]) if content else hidden
    dropout -= 0.2 * np.log10(max(1, events) / items)
    most = min(128, len(windows) // 60, 8000 * len(windows) // max(1, events))
    negatives = 2 ** int(np.clip(np.log2(max(1, 8 * events / len(windows))).round(), 7, 10))
    by_log = {
        "dim": dim,
        "hidden": hidden,
        "negatives": min(negatives, max(1, items - 1)),
        "batch": max(16, most),
        "dropout": round(float(np.clip(dropout, 0.1, 0.7)), 2),
        "lr": lr,
        "epochs": epochs * (2 if best else 1),
    }
    return {name: by_log.get(name) if value is None else value for name, value in given.items()}


def memory_needed(settings, items, longest, threads):
    """Bytes that a training asks for, about: parameters with their gradients and Adam's means, a
    batch's negatives, and a block for each worker; longest: steps of the longest window.
    """
    D, H, K = (settings[name] for name in ("dim", "hidden", "negatives"))
    parameters = items * (D + 1) + 4 * H * (D + H) + 2 * H * (H + D)
    users = min(settings["batch"], 2 * BLOCK, max(4, STEPS // longest))  # as by_length cuts
    block = users * (longest * (20 * H + 8 * D + 4 * K + 3 * longest) + 3 * K * D)
    return 20 * parameters + 8 * settings["batch"] * K + 4 * threads * block


def check_memory(needed, what):
    """Raises InputError if `what` needs more bytes than this process may have."""
    there = memory()
    if needed > there:
        raise InputError(f"{what} needs about {needed:,} bytes of memory, where there are "
                         f"{there:,}; take less")  # fmt: skip


def memory():
    """Bytes that this process may have at most, as far as the system says."""
    try:
        import resource

        limits = [resource.getrlimit(resource.RLIMIT_AS)[0],
                  os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]  # fmt: skip
    except (ImportError, OSError, ValueError):
        return math.inf  # this system does not
    return min(limit for limit in limits if limit > 0)


def backend(layers):
    """What "fast" or "readable" stands for; layers of one's own stay as they are."""
    uncompiled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    if layers == "readable" or (layers == "fast" and uncompiled):
        from . import model

        return model
    return compiled() if layers == "fast" else layers


@cache
def compiled():
    """tinyrec.fast; where there is no Numba, as in Pyodide, a word and the readable layers."""
    try:
        from . import fast  # compiles on first use, and takes a while to import
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("numba", "llvmlite"):
            raise
        warnings.warn("Numba is not there: the readable layers compute, slower", stacklevel=3)
        return backend("readable")
    return fast


def replaced(**layers):
    """The compiled layers with some replaced: Recommender(layers=replaced(lstm=mine)).

    A layer is anything with forward and backward: a module, a class, a namespace. Raises
    InputError for a name that no layer has.
    """
    unknown = [name for name in layers if name not in LAYER_NAMES]
    if unknown:
        raise InputError(f"no layer {unknown[0]!r}: there are {', '.join(LAYER_NAMES)}")
    ours = vars(backend("fast"))
    return SimpleNamespace(**{name: ours.get(name) for name in (*LAYER_NAMES, "adam")} | layers)


def described():
    """The table as lines of help."""
    return "\n".join(f"    {name:<10} {meaning(setting)}" for name, setting in TABLE.items())


def meaning(setting):
    words = f": {' or '.join(setting.allowed)}" if setting.kind is str else ""
    default = "" if setting.default is None else f" ({setting.default})"
    return setting.meaning + words + default


def option(name):
    """A setting's option on the command line, and what argparse is told of it."""
    setting = THREADS if name == "threads" else TABLE[name]
    if setting.kind is bool:
        told = {"dest": name, "action": "store_false", "help": f"not: {meaning(setting)}"}
        return f"--no-{name}", told
    told = {"type": from_text(name, setting), "default": setting.default,
            "help": meaning(setting)}  # fmt: skip
    return f"--{name.replace('_', '-')}", told


def from_text(name, setting):
    """A function that gives a value of the setting for a text. Raises ArgumentTypeError."""

    def read(text):
        try:
            return checked(name, setting.kind(text), setting)
        except InputError as error:
            raise argparse.ArgumentTypeError(error) from None
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None

    return read


def signature(**others):
    """The table, and what else is given by name, as the parameters that help() shows."""
    named = {name: setting.default for name, setting in TABLE.items()} | others
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=default) for name, default in named.items()]
    )
