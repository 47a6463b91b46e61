"""Judge a learner's functions, and say what went wrong.

    check("lstm", forward=forward, backward=backward)      in a notebook
    check_file("lstm", "my_lstm.py")                       as `tinyrec check lstm my_lstm.py`

Inputs and what is due are made here, anew at every run. A file's functions are called in a process
of its own, which never sees the reference (child.py); a notebook's are called where they are.
"""

import inspect
import signal
import subprocess
import sys
import tempfile
import types
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from . import child, variants
from .diagnose import differs, same
from .exercises import EXERCISES

SECONDS = 20  # after which a solution is stopped; Numba may need some of them to compile
PRINTED = 20  # lines that a file printed, shown with its verdict
OURS = (__file__, child.__file__)  # what calls a learner's functions
PACKAGE = str(Path(__file__).parents[1])


class Verdict(NamedTuple):
    exercise: str
    points: int
    max_points: int
    messages: list  # (equation or None, sentence)
    parts: list  # (about, points, of how many)
    printed: str = ""  # what a file printed

    @property
    def passed(self):
        return self.points == self.max_points

    def __repr__(self):
        lines = [f"{self.exercise}: {self.points} of {self.max_points} points"]
        lines += [f"  {got}/{most}  {about}" for about, got, most in self.parts]
        lines += [f"  {text}" for _, text in self.messages]
        printed = self.printed.splitlines()
        lines += ["printed by the file:"] * bool(printed) + printed[:PRINTED]
        lines += [f"({len(printed) - PRINTED} lines more)"] * (len(printed) > PRINTED)
        return "\n".join(lines)


def check(name, **functions):
    """The Verdict on functions given by name, such as forward= and backward=."""
    exercise = exercise_of(name)
    missing = [due for due in exercise.functions if due not in functions]
    if missing:
        raise InputError(
            f"{name} asks for {', '.join(exercise.functions)}: give {missing[0]}= too"
        )
    cases = exercise.cases(np.random.default_rng())
    with without_the_reference(), time_limit():
        reply = child.answer(exercise.kind, functions, copied(questions(cases)))
    return judge(name, cases, reply)


def check_file(name, path):
    """The Verdict on a file that defines the exercise's functions. Raises InputError if none."""
    exercise = exercise_of(name)
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; name the Python file with your solution")
    cases = exercise.cases(np.random.default_rng())
    request = {"kind": exercise.kind, "functions": list(exercise.functions)}
    reply, printed = ask(path, request | {"cases": questions(cases)})
    return judge(name, cases, reply)._replace(printed=printed)


def ask(path, request):
    """(the reply, what was printed) when a process of its own calls the file's functions."""
    with tempfile.TemporaryDirectory() as folder:
        child.write(folder, "request", request)
        python = [sys.executable, "-I", "-B", "-X", "utf8"]
        try:
            run = subprocess.run(
                [*python, child.__file__, folder, str(Path(path).resolve())],
                timeout=SECONDS, cwd=folder, capture_output=True, encoding="utf-8",
                errors="replace", check=False,
            )  # fmt: skip
            return child.read(folder, "reply"), run.stdout
        except subprocess.TimeoutExpired:
            return {"trouble": f"stopped after {SECONDS} s: is there a loop without end?"}, ""
        except (OSError, ValueError, KeyError):
            return {"trouble": "the file ended the program before its functions were done"}, ""


def exercise_of(name):
    if name not in EXERCISES:
        raise InputError(f"no exercise {name!r}: there are {', '.join(EXERCISES)}")
    return EXERCISES[name]


def questions(cases):
    """The cases without what is due in them."""
    return [{key: case[key] for key in case if key != "due"} for case in cases]


def copied(value):
    """Nested lists, tuples and dicts with their arrays copied."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copied(part) for part in value)
    return value


def judge(name, cases, reply):
    """Points for each part that is right in all cases; a sentence for each that is not.

    After a wrong forward, a backward is right that is the derivative of this forward.
    """
    exercise = EXERCISES[name]
    most = sum(part.points for part in exercise.parts)
    if "trouble" in reply:
        parts = [(part.about, 0, part.points) for part in exercise.parts]
        return Verdict(name, 0, most, [(None, reply["trouble"])], parts)
    found = reply["found"]
    due = due_of(exercise, cases, found)
    wrong = [part for part in exercise.parts if not agrees(part.name, found, due)]
    messages = [
        (None, text) for text in dict.fromkeys(f["trouble"] for f in found if "trouble" in f)
    ]
    own = [variants.gradients(*both) for both in zip(cases, found, strict=True)]
    left = [part for part in wrong if not agrees(part.name, found, due, own)]
    if any(not same(f[key], f["again " + key]) for f in found for key in f if "again " + key in f):
        messages.append((None, "called twice, `backward` answers differently: does it write into "
                               "its cache?"))  # fmt: skip
        wrong = left = [part for part in exercise.parts if not part.name.startswith("output")]
    messages += explain(exercise, cases, found, due, wrong, left)
    parts = [(part.about, 0 if part in left else part.points, part.points)
             for part in exercise.parts]  # fmt: skip
    return Verdict(name, sum(got for _, got, _ in parts), most, messages, parts)


def agrees(part, found, *answers):
    """Whether a part of what was found is, in each case, as in one of the answers."""
    return all(
        part in f and any(part in answer and same(f[part], answer[part]) for answer in either)
        for f, *either in zip(found, *answers, strict=True)
    )


def due_of(exercise, cases, found):
    if exercise.reference is None:
        return variants.due(cases, found)
    return right_answers(exercise, vars(exercise.reference), cases)


def right_answers(exercise, namespace, cases):
    functions = {name: namespace[name] for name in exercise.functions}
    once = [case | {"nudge": {}} for case in copied(cases)]
    answers = child.answer(exercise.kind, functions, once)["found"]
    return [found | exercise.demands for found in answers]


def explain(exercise, cases, found, due, wrong, left):
    """(equation, sentence) for the parts left: a usual mistake, or the difference.

    wrong: the parts that are not as in the reference, of which some may have earned points.
    """
    messages, missing = [], [part for part in left if any(part.name not in f for f in found)]
    left = [part for part in left if part not in missing]
    for part in missing:
        if not any("trouble" in f for f in found):
            messages.append((part.equation, f"{part.about} is missing from what is returned"))
    others = [(mistake, other(exercise, mistake, cases, found, due))
              for mistake in exercise.mistakes if left]  # fmt: skip
    while left:
        mistake, named = most_telling(exercise, others, found, due, wrong, left)
        if not named:
            break
        messages.append((mistake.equation, mistake.sentence))
        left = [part for part in left if part not in named]
        if any(part.name.startswith("output") for part in named):
            left = []  # what comes back through a wrong forward is wrong as well
    messages += by_gate(exercise, cases, found, due, [part.name for part in left])
    for part in left:
        texts = [
            differs(f[part.name], d[part.name], exercise.axes.get(part.name, ()))
            for f, d in zip(found, due, strict=True)
            if not same(f[part.name], d[part.name])
        ]
        where = f"; look at ({part.equation})" if part.equation else ""
        messages.append((part.equation, f"{part.about} {texts[-1]}{where}"))
        if part.name.startswith("output"):
            break
    return messages


def by_gate(exercise, cases, found, due, left):
    """[(equation, sentence)]: for which gates a recurrent layer's db is wrong after one step.

    There nothing comes back from later steps, so that it is wrong for those at fault alone.
    """
    if not exercise.gates or "b" not in left or "output" in left:
        return []
    got, right = next((f["b"], d["b"]) for case, f, d in zip(cases, found, due, strict=True)
                        if case["arguments"][0].shape[-2] == 1)  # fmt: skip
    if got.shape != right.shape:
        return []
    parts = (np.split(array, len(exercise.gates)) for array in (got, right))
    wrong = [gate for gate, *pair in zip(exercise.gates, *parts, strict=True) if not same(*pair)]
    if not wrong:
        return [(min(exercise.gates.values())[0], "with a single step all of db is right: look at "
                 "what comes back from the step after, through U and through the memory")]
    at, used = exercise.gates[wrong[0]]
    where = f"∂({used}) and ∂({at})" if len(wrong) == 1 else "what reaches all of them"
    return [(at, f"with a single step, db is wrong for {', '.join(wrong)}: look at {where}")]


def most_telling(exercise, others, found, due, wrong, left):
    """The mistake that explains most of what is left and spoils nothing that is right."""
    best = None, []
    for mistake, other in others:
        spoilt = [part for part in exercise.parts if not agrees(part.name, other, due)]
        named = [part for part in left if part in spoilt and agrees(part.name, found, other)]
        if len(named) > len(best[1]) and all(part in wrong for part in spoilt):
            best = mistake, named
    return best


def other(exercise, mistake, cases, found, due):
    """What is answered once the mistake is made."""
    if exercise.reference is None:
        return variants.recognised(mistake, found, due)
    return mistaken(exercise, mistake, cases)


def mistaken(exercise, mistake, cases):
    """What the reference answers once the mistake is made in it."""
    source = inspect.getsource(exercise.reference)
    wrong = types.ModuleType(exercise.reference.__name__)
    wrong.__package__ = exercise.reference.__package__
    exec(compile(source.replace(mistake.old, mistake.new), "<mistake>", "exec"), vars(wrong))
    with np.errstate(all="ignore"):
        return right_answers(exercise, vars(wrong), cases)


@contextmanager
def without_the_reference():
    """While a learner's function runs, it may not call into this package."""

    def watch(frame, event, argument):
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and file not in OURS:
            raise child.Trouble("the exercise is to write it yourself: tinyrec may not be called")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)


@contextmanager
def time_limit():
    """Stops what takes too long, where the system has a way to."""
    try:
        before = signal.signal(signal.SIGALRM, stop)
    except (AttributeError, ValueError):  # no such signal here, or not in the main thread
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stop(number, frame):
    raise child.Trouble(f"stopped after {SECONDS} s: is there a loop without end?")


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
    return {"tests": [{"name": f"{verdict.exercise}: {about}", "score": got, "max_score": most,
                       "output": "" if got == most else text}
                      for about, got, most in verdict.parts]}  # fmt: skip
