"""What an exercise is made of."""

from typing import NamedTuple

BOTH = ("forward", "backward")  # what most exercises ask for
T_H, T_D = ("T, time", "H"), ("T, time", "D")  # names of an array's last axes


class Mistake(NamedTuple):
    """A usual mistake, as an edit of the reference: `old` is replaced by `new`."""

    equation: int | None
    sentence: str
    old: str
    new: str


class Part(NamedTuple):
    name: str  # of the array that is judged
    equation: int | None
    points: int
    about: str


class Exercise(NamedTuple):
    kind: str  # how it is called: see child.py
    functions: tuple  # what the learner writes
    reference: object  # the module that has them; None for a variant
    cases: object  # rng -> cases
    parts: tuple
    mistakes: tuple
    axes: dict  # name of an array -> the names of its axes
    demands: dict = {}  # what every answer has to hold besides  # noqa: RUF012
    gates: dict = {}  # name -> (its equation, the one that uses it), in order  # noqa: RUF012
