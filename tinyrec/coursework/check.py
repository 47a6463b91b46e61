"""Judge a learner's functions, and say what went wrong.

    check("lstm", forward=forward, backward=backward)      in a notebook
    check_file("lstm", "my_lstm.py")                       as `tinyrec check lstm my_lstm.py`

Inputs and what is expected are made here, anew at every run. A file's functions are called in a
process of its own, which never sees the reference (process.py); a notebook's where they are.
"""

import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError
from . import worker
from .exercises import EXERCISES
from .judge import copied, judge
from .process import SECONDS, ask
from .sentences import LANGUAGES

OURS = (__file__, worker.__file__)  # what calls a learner's functions
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
    cases = exercise.cases(np.random.default_rng(seed))
    asked = copied(questions(cases))
    with without_the_reference(), time_limit():
        reply = worker.reply_of(exercise.kind, functions, asked)
    return judge(exercise, cases, reply, language)


def check_file(name, path, language="en", seed=None):
    """The Verdict on a file that defines the exercise's functions. Raises InputError if none."""
    exercise = exercise_of(name, language)
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; name the Python file with your solution")
    cases = exercise.cases(np.random.default_rng(seed))
    request = {"kind": exercise.kind, "functions": list(exercise.functions)}
    reply, printed = ask(path, request | {"cases": questions(cases)})
    return judge(exercise, cases, reply, language)._replace(printed=printed)


def exercise_of(name, language):
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
                       "output": "" if points == most else text}
                      for about, points, most in verdict.parts]}  # fmt: skip
