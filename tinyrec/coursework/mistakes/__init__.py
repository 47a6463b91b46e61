"""What is usually wrong in every exercise, and what it looks like: a TOML file for each."""

import tomllib
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import NamedTuple


class Mistake(NamedTuple):
    """A usual mistake and what is said about it.

    It is known by the answer of the reference in whose source `old` is replaced by `new`; where
    there is no reference, by the fingerprint of an array in the first worked case (unseen.py).
    """

    id: str
    equation: int | None
    text: dict  # language -> sentence
    old: str = ""
    new: str = ""
    array: str = ""
    number: float = 0.0


class Evidence(NamedTuple):
    """What to say of a part whose mistake is not a usual one: where else is it right?"""

    part: str
    equation: int | None
    text: dict  # language -> sentence; {wrong}: those of the cases in which it is wrong
    cases: dict = {}  # named cases, in at least one of which it is wrong  # noqa: RUF012
    wrong_in: tuple = ()  # named cases in all of which it is wrong
    right_in: tuple = ()  # named cases in which it is right
    right: tuple = ()  # other parts that are right
    wrong: tuple = ()  # other parts that are wrong
    covers: tuple = ()  # parts that are wrong for this reason, and need no sentence of their own


@cache
def load(exercise):
    """The tuple of an exercise's Mistakes, those of the file that it includes first."""
    return tuple(Mistake(**one) for entry in entries(exercise, "mistake") for one in orders(entry))


@cache
def evidence(exercise):
    """The tuple of an exercise's Evidence; the first that applies to a part is said."""
    return tuple(Evidence(**entry) for entry in entries(exercise, "evidence"))


def entries(exercise, kind):
    """The tables of a kind, their sentences as one dict."""
    file = tomllib.loads(Path(__file__).with_name(f"{exercise}.toml").read_text("utf-8"))
    found = entries(file["include"], kind) if "include" in file else []
    for entry in file.get(kind, []):
        text = {"en": entry.pop("text"), "zh": entry.pop("text_zh")}
        found.append({"equation": None} | entry | {"text": text})
    return found


def orders(entry):
    """The entry; or, where it has an `order` of names, one for every order that is wrong.

    {order} in sentence and edit is the wrong order, `equations` are those of the names.
    """
    if "order" not in entry:
        return [entry]
    right, equations = entry["order"], entry["equations"]
    found = []
    for wrong in [order for order in permutations(right) if list(order) != right]:
        moved = next(at for at, name in enumerate(right) if wrong[at] != name)
        said = {"order": ", ".join(wrong)}
        found.append({
            "id": f"{entry['id']}-{''.join(wrong)}",
            "equation": equations[moved],
            "text": {language: text.format(**said) for language, text in entry["text"].items()},
            "old": entry["old"],
            "new": entry["new"].format(**said),
        })  # fmt: skip
    return found
