"""What an exercise is made of. Its parts are in parts.toml, its mistakes in mistakes/."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import mistakes

BOTH = ("forward", "backward")  # what most exercises ask for


class Part(NamedTuple):
    """What points are given for."""

    name: str  # of the array that is judged
    equation: int | None
    points: int
    about: dict  # language -> what it is
    case: str = ""  # the cases in which it is judged; if none, those of no other part
    statistic: str = ""  # of its last axis, where not the array itself is compared

    def of(self, arrays):
        """What is compared: the part's array, or its statistic; None if it is not there."""
        array = arrays.get(self.name)
        if not self.statistic or array is None or array.ndim == 0:
            return array
        return {"mean": np.mean, "variance": np.var}[self.statistic](array, axis=-1)

    @property
    def of_forward(self):
        """Whether forward answers it: what is wrong there is wrong in backward as well."""
        return self.name.startswith("output")


class Exercise(NamedTuple):
    name: str
    kind: str  # how it is called: see worker.py
    functions: tuple  # what the learner writes
    reference: object  # the module that has them; None where the package has none
    cases: object  # rng -> cases
    axes: dict = {}  # name of an array -> its axes, such as "T H"  # noqa: RUF012
    demands: dict = {}  # what every answer has to hold besides  # noqa: RUF012
    gates: dict = {}  # name -> (its equation, the one that uses it), in order  # noqa: RUF012

    @property
    def parts(self):
        return parts()[self.name]

    @property
    def mistakes(self):
        return mistakes.load(self.name)

    def judged(self, part, case):
        """Whether a case is one of those in which a part is judged."""
        name = case.get("name", "")
        return name == part.case or (not part.case and all(name != p.case for p in self.parts))


@cache
def parts():
    """{exercise: its Parts}"""
    tables = tomllib.loads(Path(__file__).with_name("parts.toml").read_text("utf-8"))
    return {name: tuple(part_of(entry) for entry in table) for name, table in tables.items()}


def part_of(entry):
    about = {"en": entry.pop("about"), "zh": entry.pop("about_zh")}
    return Part(**{"equation": None} | entry, about=about)


def case_of(rng, name, arguments, derived, d_output):
    """A layer's case; derived: names of the first arguments' gradients; d_output: its shape.

    Only a case without a name is asked with entries nudged up and down.
    """
    several = d_output if d_output and isinstance(d_output[0], tuple) else [d_output]
    drawn = [np.asarray(rng.normal(size=shape)) for shape in several]
    return {
        "name": name,
        "arguments": arguments,
        "d_output": tuple(drawn) if len(drawn) > 1 else drawn[0],
        "nudge": {} if name else {key: at for at, key in enumerate(derived)},
    }
