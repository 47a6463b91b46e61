"""Where raw ids and numbers meet: users, items and kinds as read, and as the model counts them.

A number is an index into the catalogue's ids. U users, N items.
"""

import json
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..errors import InputError
from . import features, sequences


@dataclass(frozen=True)
class Catalogue:
    users: np.ndarray  # (U,) raw ids (str) exactly as written
    items: np.ndarray  # (N,)
    kinds: tuple[str, ...]
    titles: dict[str, str] = field(default_factory=dict)  # raw item id -> title
    scales: dict = field(default_factory=dict)  # of the events' numbers, see features.scales
    added: int = 0  # how many of the items, the last ones, the log does not have
    texts: dict[str, str] = field(default_factory=dict)  # id -> all that is said, if it is more

    @property
    def learnt(self):
        """How many of the items, the first ones, were learnt from."""
        return len(self.items) - self.added

    def with_items(self, ids):
        """The Catalogue with these raw ids, which it does not have, behind its own."""
        items = np.append(self.items, np.array(ids, object))
        return replace(self, items=items, added=self.added + len(ids))

    @cached_property
    def user_number(self):
        return numbering(self.users)

    @cached_property
    def item_number(self):
        return numbering(self.items)

    def user(self, raw):
        """A user's number. Raises InputError for one the log did not have."""
        number = self.user_number.get(str(raw))
        if number is None:
            raise InputError(f"user {raw!r} is not in the log, which has {some(self.users)}")
        return number

    def user_numbers(self, raw):
        """Raw user ids as numbers (U,). Raises InputError for one the log did not have."""
        if isinstance(raw, (str, bytes)):
            raise InputError(f'users is {raw!r}: give a list of ids, or "all"')
        return np.array([self.user(one) for one in raw], np.int64)

    def numbers(self, raw):
        """Raw item ids as numbers (k,). Raises InputError that names those not in the log."""
        if isinstance(raw, (str, bytes)):
            raise InputError(f"{raw!r} is one text: give item ids as a list, such as [{raw!r}]")
        raw = [str(item) for item in raw]
        unknown = [item for item in raw if item not in self.item_number]
        if unknown:
            raise InputError(f"{some(unknown)} not among the log's items: {some(self.items)}")
        return np.array([self.item_number[item] for item in raw], np.int64)

    def title(self, number):
        """An item's title, or its raw id where it has none."""
        raw = self.items[number]
        return self.titles.get(raw, raw)

    def text(self, number):
        """All that is said of an item: its title, categories, …; "" where nothing is."""
        raw = self.items[number]
        return self.texts.get(raw) or self.titles.get(raw, "")

    def holds(self, events, log):
        """Are these the events of the log, which is in the catalogue's numbers?"""
        same = zip((events.items, events.users, events.item),
                   (self.items[: self.learnt], self.users, log.items), strict=True)  # fmt: skip
        return all(np.array_equal(theirs, ours) for theirs, ours in same)


def of(events, clock, learnt):
    """The Catalogue of clean Events; clock: is the time from an event to the next a number;
    learnt: the spans that are learnt from.
    """
    scales = features.scales(events, clock, sequences.covered(learnt, len(events.item)))
    titles = events.titles
    more = {item: text for item, text in events.texts.items() if text != titles.get(item)}
    return Catalogue(events.users, events.items, events.kinds, titles, scales, texts=more)


def as_json(catalogue):
    """What a saved model's text says of it."""
    named = {"users": catalogue.users, "items": catalogue.items, "kinds": catalogue.kinds}
    return {name: list(ids) for name, ids in named.items()} | {
        "titles": catalogue.titles, "scales": catalogue.scales, "added": catalogue.added,
        "texts": catalogue.texts,
    }  # fmt: skip


def names(catalogue):
    """All its raw ids and scales as bytes (n,), which tell it from others."""
    text = json.dumps(as_json(catalogue) | {"titles": {}, "texts": {}})
    return np.frombuffer(text.encode(), np.uint8)


def from_json(about):
    users, items = (np.array(about[name], object) for name in ("users", "items"))
    return Catalogue(users, items, tuple(about["kinds"]), about["titles"], about["scales"],
                     about["added"], about["texts"])  # fmt: skip


def numbering(ids):
    """{id: its index}."""
    return {name: index for index, name in enumerate(ids)}


def some(ids, most=3):
    """The first few, for a message."""
    return ", ".join(map(str, ids[:most])) + (", …" if len(ids) > most else "")


def continued(catalogue, log, events):
    """Each user's history in `log` and the events after it: {user: (items, kinds, numbers)}.

    Events that begin with the history in the log are taken as they are. An item that is not in
    the catalogue gets the number N; a kind that is not, the number 0. How long it was from a
    history in the log to what is joined to it is not known.
    """
    known, kind_number = catalogue.item_number, numbering(catalogue.kinds)
    items = np.array([known.get(item, len(known)) for item in events.items])[events.item]
    kinds = np.array([kind_number.get(kind, 0) for kind in events.kinds])[events.kind]
    here = sequences.serialise(events, features.numbers(events, catalogue.scales))
    here = here._replace(items=items, kinds=kinds)
    found = {}
    for user, start, stop in zip(events.users, here.starts[:-1], here.starts[1:], strict=True):
        past = events_of(log, catalogue.user_number.get(user))
        shared = min(len(past[0]), stop - start - 1)
        if shared and np.array_equal(past[0][:shared], items[start : start + shared]):
            past = events_of(log, None)
        later = cut(here, start, stop)
        found[user] = tuple(np.concatenate(both) for both in zip(past, later, strict=True))
    return found


def events_of(log, user):
    """Items, kinds and numbers of one user's events in the log; empty where user is None."""
    return cut(log, *((0, 0) if user is None else log.starts[user : user + 2]))


def cut(log, start, stop):
    """Items, kinds and numbers (·, R) of the log's events from start up to stop."""
    numbers = sequences.numbers_of(log, np.array([[start, stop]]))[0]
    return log.items[start:stop], log.kinds[start:stop], numbers


def usual_kind(catalogue, log):
    """The number of the log's most common kind."""
    if len(catalogue.kinds) == 1:
        return 0  # a request by history shall not have to read a large log
    return int(np.bincount(log.kinds).argmax())


def past(catalogue, log, user=None, history=None):
    """A user of the log, or a history of raw item ids, as a Log of one user.

    A history's kinds are the log's most common one; where the log has several kinds, an item
    twice in a row is one step, as in the log. Items that the log does not have are left out with
    a warning. Raises InputError if there is no event.
    """
    if (user is None) == (history is None):
        raise InputError("name either a user or a history of items")
    if user is None:
        items = catalogue.numbers(known_of(catalogue, history))
        if len(catalogue.kinds) > 1:
            items = items[np.diff(items, prepend=-1) != 0]
        kinds = np.full(len(items), usual_kind(catalogue, log))
        numbers = np.tile(features.one(catalogue.scales), (len(items), 1))
    else:
        items, kinds, numbers = events_of(log, catalogue.user(user))
    if not len(items):
        raise InputError("the history is empty: name one item or more")
    return sequences.as_log([(items, kinds, numbers)])


def known_of(catalogue, history):
    """The history without the ids that the log does not have, if it has one of them at least."""
    if isinstance(history, (str, bytes)):
        return history
    history = [str(raw) for raw in history]
    unknown = [raw for raw in history if raw not in catalogue.item_number]
    known = [raw for raw in history if raw in catalogue.item_number]
    if unknown and known:
        warnings.warn(f"left out of the history, as the log does not have them: "
                      f"{some(unknown, 10)}", stacklevel=4)  # fmt: skip
    return known or history


def targets(catalogue, log, events):
    """Other events as a Log, and the span before each user's last event, which is the target.

    An item that is not in the catalogue is left out, unless it is a target: then it is N. Raises
    InputError if there is no target.
    """
    parts = []
    for found in continued(catalogue, log, events).values():
        usable = found[0] < len(catalogue.items)
        usable[-1] = True
        parts.append(tuple(part[usable] for part in found))
    joined = sequences.as_log(parts)
    spans = np.stack([joined.starts[:-1], joined.starts[1:] - 1], axis=1)
    spans = spans[spans[:, 0] < spans[:, 1]]
    if not len(spans):
        raise InputError("nobody has an event to guess and an event before it")
    return joined, spans


def extended(catalogue, log, events):
    """The log with the events joined to its users' histories."""
    later = continued(catalogue, log, events)
    parts = []
    for number, user in enumerate(catalogue.users):
        found = later.get(user) or events_of(log, number)
        usable = found[0] < len(catalogue.items)
        parts.append(tuple(part[usable] for part in found))
    return sequences.as_log(parts)
