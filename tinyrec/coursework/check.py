"""Judge a learner's functions, and say what went wrong.

    check("lstm", forward=forward, backward=backward)      in a notebook
    check_file("lstm", "my_lstm.py")                       as `tinyrec check lstm my_lstm.py`

Inputs and what is expected are made here, anew at every run. A file's functions are called in a
process of its own, which never sees the reference (process.py); a notebook's where they are.
"""

import os
import re
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError
from . import worker
from .exercises import EXERCISES
from .judge import judge, verdict_of
from .process import SECONDS, ask
from .sentences import LANGUAGES, say

OURS = (__file__, worker.__file__)  # what calls a learner's functions
PAUSE = 0.3  # seconds between two looks at a file that is watched
PACKAGE = str(Path(__file__).parents[1])


def check(name, language="en", seed=None, **functions):
    """The Verdict on functions given by name, such as forward= and backward=.

    seed: the same one draws the same cases again.
    """
    exercise = exercise_of(name, language)
    missing = [function for function in exercise.functions if function not in functions]
    if missing:
        raise InputError(
            f"{name} asks for {', '.join(exercise.functions)}: give {missing[0]}= too"
        )
    cases = cases_of(exercise, seed)
    asked = worker.copied(questions(cases))
    with without_the_reference(), time_limit():
        reply = worker.reply_of(exercise.kind, functions, asked)
    return judge(exercise, cases, reply, language)


def check_file(name, path, language="en", seed=None, hints=0):
    """The Verdict on a file that defines the exercise's functions. Raises InputError if none.

    hints: points that each hint costs of which the file says that it took them, HINTS = 2.
    """
    exercise = exercise_of(name, language)
    if not Path(path).is_file():
        raise InputError(missing(path))
    cases = cases_of(exercise, seed)
    request = {"kind": exercise.kind, "functions": list(exercise.functions)}
    reply, printed = ask(path, request | {"cases": questions(cases)})
    verdict = judge(exercise, cases, reply, language)._replace(printed=printed)
    taken = re.search(r"(?m)^HINTS *= *(\d+)", Path(path).read_text("utf-8", "replace"))
    return less(verdict, hints * int(taken[1])) if hints and taken else verdict


def less(verdict, cost):
    """The Verdict with points off for hints."""
    cost = min(cost, verdict.points)
    part = say("hints")[verdict.language], -cost, 0
    return verdict._replace(points=verdict.points - cost, parts=[*verdict.parts, part])


def cases_of(exercise, seed):
    if seed is not None and seed < 0:
        raise InputError(f"seed is {seed}: give 0 or more")
    return exercise.cases(np.random.default_rng(seed))


def saved(path):
    """Once at the start, then whenever a file has been saved; until Ctrl-C."""
    while True:
        before = state_of(path)
        yield
        while state_of(path) in (before, None):
            time.sleep(PAUSE)


def state_of(path):
    try:
        state = os.stat(path)
    except OSError:  # an editor may put a new file in its place
        return None
    return state.st_mtime_ns, state.st_size


def missing(path):
    why = "not a regular" if os.path.exists(path) else "no such"
    return f"{path}: {why} file; name the Python file with your solution"


def nothing_handed_in(name, path, language="en"):
    """The Verdict on a file that is not there: no points."""
    exercise = exercise_of(name, language)
    said = dict.fromkeys(LANGUAGES, missing(path))
    return verdict_of(exercise, exercise.parts, [(None, said)], language)


def exercise_of(name, language="en"):
    if language not in LANGUAGES:
        raise InputError(f"no language {language!r}: there are {', '.join(LANGUAGES)}")
    if name not in EXERCISES:
        raise InputError(f"no exercise {name!r}: there are {', '.join(EXERCISES)}")
    return EXERCISES[name]


def questions(cases):
    """The cases without what is expected in them."""
    return [{key: case[key] for key in case if key != "expected"} for case in cases]


@contextmanager
def without_the_reference():
    """While a learner's function runs, it may not call into this package."""

    def watch(frame, event, argument):
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and file not in OURS:
            raise worker.Trouble("calls_tinyrec")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def time_limit():
    """Stops what keeps the processor busy too long, where the system has a way to."""
    try:
        before = signal.signal(signal.SIGPROF, stop)
    except (AttributeError, ValueError):  # no such signal here, or not in the main thread
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def stop(number, frame):
    raise worker.Trouble("too_long", seconds=SECONDS)


def as_json(verdict):
    """The verdict as `tinyrec check --json` writes it."""
    return {
        "exercise": verdict.exercise, "passed": verdict.passed, "points": verdict.points,
        "max_points": verdict.max_points,
        "messages": [{"equation": number, "text": text} for number, text in verdict.messages],
    }  # fmt: skip


def as_gradescope(verdict):
    """The verdict as Gradescope's results.json: a test for each part."""
    text = "\n".join(text for _, text in verdict.messages)
    return {"tests": [{"name": f"{verdict.exercise}: {about}", "score": points, "max_score": most,
                       "output": text if points < most else ""}
                      for about, points, most in verdict.parts]}  # fmt: skip
