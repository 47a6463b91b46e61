"""The sentence that goes with a recommendation: because of what, and what one often takes.

Nothing in it is made up. The events are those without which the item would lose most (occlusion);
a word of its title, a genre, or the decade of its year is counted in the history and in the log.
"""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from . import events

CAUSES = 2  # events that are named, at most
OFTEN, MORE = 3, 2  # a word is taken often: so many times, and so many times as often as by others
SAMPLE = 10_000  # of the log's events, in which others' words are counted


class Because(NamedTuple):
    item: int  # the number of what is recommended
    causes: list  # numbers of past items, the first one matters most
    word: str | None  # what is often taken; None if there is no such word
    times: int  # how many of the events have it
    of: int  # all events
    others: float  # the share of the log's events that have it


def because(rec, user=None, history=None, k=10, exclude_seen=True):
    """A Because for each of the k best items. Raises InputError as `recommend` does."""
    best, _ = rec.recommend(user, history, k, exclude_seen)
    past, items = rec.past(user, history), rec.catalogue.numbers(best)
    looked, T = past.items[-events.looked_at(rec, past) :], len(past.items)
    z = events.leave_one_out(rec, past)[:, items] if T > 1 else np.array([[1], [0]]) + 0 * items
    mine, every = words_in(rec, past.items), rec.log.items[:: -(-len(rec.log.items) // SAMPLE)]
    others = words_in(rec, every)
    found = []
    for item, adds in zip(items, (z[0] - z[1:]).T, strict=True):
        causes = [looked[at] for at in np.argsort(-adds, kind="stable")[:CAUSES] if adds[at] > 0]
        share = {word: (1 + others[word]) / (1 + len(every)) for word in words(rec, item)}
        often = {word: mine[word] * np.log(mine[word] / T / share[word]) for word in share
                 if mine[word] >= max(OFTEN, MORE * share[word] * T)}  # fmt: skip
        word = max(often, key=often.get, default=None)
        found.append(Because(item, causes, word, mine[word], T, share.get(word, 0)))
    return found


def words_in(rec, items):
    """{word: how many of the items (n,), given by number, have it}."""
    found = Counter()
    for item, times in Counter(items.tolist()).items():
        found.update(dict.fromkeys(words(rec, item), times))
    return found


def words(rec, item):
    """The words of what is said of an item in small letters, years as decades: a set, sorted.

    Other numbers are none.
    """
    text = rec.catalogue.text(item).casefold()
    text = re.sub(r"\b((?:19|20)\d)\d\b", r"\g<1>0s", text)
    return sorted(set(re.findall(r"\b\d*[^\W\d]\w*(?:['’-]\w+)*", text)))
