"""The usual mistakes of every exercise: a TOML file for each, and how it is read."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Mistake(NamedTuple):
    """A usual mistake and what is said about it.

    It is known by the answer of the reference in whose source `old` is replaced by `new`; where
    there is no reference, by the fingerprint of an array in the small case (unseen.py).
    """

    id: str
    equation: int | None
    text: dict  # language -> sentence
    old: str = ""
    new: str = ""
    array: str = ""
    number: float = 0.0


@cache
def load(exercise):
    """The tuple of an exercise's Mistakes, those of the file that it includes first."""
    file = tomllib.loads(Path(__file__).with_name(f"{exercise}.toml").read_text("utf-8"))
    included = load(file["include"]) if "include" in file else ()
    return (*included, *(mistake_of(entry) for entry in file["mistake"]))


def mistake_of(entry):
    text = {"en": entry.pop("text"), "zh": entry.pop("text_zh")}
    return Mistake(text=text, **{"equation": None} | entry)
