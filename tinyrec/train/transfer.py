"""Beginning where another model ended (article §8.4): its parameters, some of them frozen.

    small = Recommender(dim=64, hidden=64, epochs=3).fit(events, start=large, frozen=("E",))

Items and kinds are matched by their raw ids; what the other model did not have begins fresh.
"""

import numpy as np

from ..errors import InputError

TABLES = {"E": "items", "bias": "items", "A": "kinds"}  # parameters with a row for each of these


def begin(params, ids, start, start_ids):
    """params with what `start`, another model's, has learnt; ids, start_ids: their Catalogues.

    Raises InputError where widths differ, or no item is the same.
    """
    begun = {}
    for name, fresh in params.items():
        theirs = np.asarray(start[name])
        if name == "F" and theirs.shape != fresh.shape:
            begun[name] = fresh  # the logs do not have the same numbers
            continue
        table = TABLES.get(name)
        if theirs.shape[table is not None :] != fresh.shape[table is not None :]:
            raise InputError(f"{name}: the model to start from has other widths; give its --dim "
                             "and --hidden")  # fmt: skip
        begun[name] = theirs.copy()
        if table:
            ours, there = matching(getattr(ids, table), getattr(start_ids, table))
            if not len(ours) and name == "E":
                raise InputError("none of the items are those of the model to start from")
            begun[name] = fresh.copy()
            begun[name][ours] = theirs[there]
    return begun


def widths(given, start):
    """The settings given, with the widths of the model to start from where they say none."""
    same = {name: start.settings[name] for name in ("dim", "hidden") if given[name] is None}
    return given | same


def matching(ids, others):
    """Where the ids that both have stand in each: two index arrays of the same length."""
    number = {name: index for index, name in enumerate(others)}
    both = [(index, number[name]) for index, name in enumerate(ids) if name in number]
    return np.array(both, np.int64).reshape(-1, 2).T


def frozen(run, names):
    """The map `run` over blocks, whose gradients in the parameters `names` are zero: Adam then
    leaves them where they are.
    """

    def mapped(work, jobs):
        for share in run(work, jobs):
            still = {name: np.zeros_like(share.grads[name]) for name in names}
            yield share._replace(grads=share.grads | still)

    return mapped


def check_names(names, params):
    """Raises InputError for a name that no parameter has."""
    for name in names:
        if name not in params:
            raise InputError(f"no parameter {name!r} to freeze: there are {', '.join(params)}")
