"""From what a learner's functions answered to points, and to a sentence on what is wrong."""

import inspect
import types
from functools import cache
from typing import NamedTuple

import numpy as np

from . import mistakes, worker
from .differences import SINGLE, TOLERANCE, difference, in_single_precision, same
from .exercises.unseen import fingerprint
from .sentences import say, spoken

EXACT = 1e-11  # the error of a derivation, relative to the largest entry; differences err by more
PRINTED, WIDTH = 20, 200  # lines that a file printed, and their letters, shown with its verdict


class Verdict(NamedTuple):
    exercise: str
    points: int
    max_points: int
    messages: list  # (equation or None, sentence)
    parts: list  # (about, points, of how many)
    printed: str = ""  # what a file printed
    language: str = "en"

    @property
    def passed(self):
        return all(points >= most for _, points, most in self.parts if most)

    def __repr__(self):
        def said(key, **values):
            return say(key, **values)[self.language]

        numbers = {"points": self.points, "most": self.max_points}
        lines = [said("points", exercise=self.exercise, **numbers)]
        lines += [f"  {points}/{most}  {about}" for about, points, most in self.parts]
        lines += [f"  {text}" for _, text in self.messages]
        printed = self.printed.splitlines()
        if printed:
            lines += [said("printed"), *(line[:WIDTH] for line in printed[:PRINTED])]
        if len(printed) > PRINTED:
            lines.append(said("lines_more", lines=len(printed) - PRINTED))
        return "\n".join(lines)


class Trial(NamedTuple):
    """What was asked, what was answered, and what is right."""

    exercise: object
    cases: list
    answers: list  # the worker's Answer for each case
    expected: list  # {name: array} for each case
    tolerance: float = TOLERANCE

    @property
    def arrays(self):
        return [answer.arrays for answer in self.answers]

    def agrees(self, part, arrays=None):
        """{number of a case in which a part is judged: whether it is there as is expected}

        In what was answered, or in other arrays, {name: array} for each case.
        """
        found = {}
        for number, array in enumerate(arrays or self.arrays):
            right = part.of(self.expected[number])
            if right is not None and self.exercise.judged(part, self.cases[number]):
                found[number] = self.same(part.of(array), right)
        return found

    def right(self, part):
        return all(self.agrees(part).values())

    def same(self, array, right):
        return array is not None and same(array, right, self.tolerance)

    def by_name(self, part):
        """{name of a case: whether the part is right in all cases of this name}"""
        found = {}
        for number, agreed in self.agrees(part).items():
            name = self.cases[number].get("name", "")
            found[name] = found.get(name, True) and agreed
        return found


def judge(exercise, cases, reply, language="en"):
    """The Verdict on a worker's Reply to cases.

    Points for each part that is right in all cases; a sentence for each that is not. After a
    wrong forward, a backward is right that is the derivative of this forward.
    """
    if reply.trouble:
        return verdict_of(exercise, exercise.parts, [(None, spoken(reply.trouble))], language)
    trial = trial_of(exercise, cases, reply.answers)
    wrong = [part for part in exercise.parts if not trial.right(part)]
    forward = [part for part in wrong if part.of_forward]
    lost = wrong
    if forward:
        mistake, _ = most_telling(trial, [], wrong, forward)
        lost = forward + [part for part in wrong if part not in forward
                          and not earned_by_own_forward(trial, part, mistake)]  # fmt: skip
    changed = {name for answer in trial.answers for name, array in answer.again.items()
               if not trial.same(answer.arrays[name], array)}  # fmt: skip
    messages, race = troubles(trial.answers), threads_meet(trial, changed)
    if race:
        messages.append((2, say("threads_meet")))
    else:
        messages += explain(trial, wrong, lost)
    if trial.tolerance != TOLERANCE:
        messages.append((None, say("single_precision")))
    for part in exercise.parts:
        if part not in wrong and not derived(trial, part):
            messages.append((part.equation, say("by_differences", part=part.about)))
            lost.append(part)
    if changed:
        if not race:
            messages.append((None, say("called_twice", function=exercise.functions[-1])))
        lost += [part for part in exercise.parts if part.name in trial.answers[0].again]
    return verdict_of(exercise, lost, messages, language)


def trial_of(exercise, cases, answers):
    """The Trial; with another tolerance where someone computes in single precision."""
    if exercise.reference is None:
        expected = [case["expected"] for case in cases]
    else:
        expected = arrays_of(exercise, vars(exercise.reference), cases)
    arrays = [array for answer in answers for array in answer.arrays.values()]
    single = any(in_single_precision(array) for array in arrays)
    return Trial(exercise, cases, answers, expected, SINGLE if single else TOLERANCE)


def threads_meet(trial, changed):
    """Whether the loop's numbers change from call to call, but not for a user alone."""
    if not changed or trial.exercise.kind != "recurrence":
        return False
    return all(trial.agrees(part)[0] for part in trial.exercise.parts if part.name in changed)


def verdict_of(exercise, lost, messages, language):
    """The Verdict when the lost parts earn nothing."""
    parts = [(part.about[language], 0 if part in lost else part.points, part.points)
             for part in exercise.parts]  # fmt: skip
    points, most = (sum(part[column] for part in parts) for column in (1, 2))
    messages = [(equation, text[language]) for equation, text in messages]
    return Verdict(exercise.name, points, most, messages, parts, language=language)


def arrays_of(exercise, namespace, cases):
    """For each case {name: array}, as the functions of a namespace answer."""
    functions = {name: namespace[name] for name in exercise.functions}
    cases = [case | {"nudge": {}} for case in worker.copied(cases)]
    answers = worker.reply_of(exercise.kind, functions, cases).answers
    return [answer.arrays | exercise.demands for answer in answers]


def derived(trial, part):
    """Whether a right gradient is as exact as a derivation is, and no quotient of differences."""
    for case, arrays, expected in zip(trial.cases, trial.arrays, trial.expected, strict=True):
        if part.name in case.get("nudge", {}) and trial.tolerance == TOLERANCE:
            right = expected[part.name]
            error = np.abs(arrays[part.name] - right).max()
            if error > EXACT * max(1.0, np.abs(right).max()):
                return False
    return True


def earned_by_own_forward(trial, part, mistake):
    """Whether a part of backward is the derivative of a wrong forward.

    Where forward has a usual mistake, the derivative is taken of the reference with this mistake.
    Else it is taken of the learner's outputs; but forward has to resemble what is asked, and its
    derivative too: what reads nothing, or adds up all that it is given, is easily derived.
    """
    known = mistake is not None and trial.exercise.reference is not None
    asked = [n for n, case in enumerate(trial.cases) if part.name in case.get("nudge", {})]
    for number in asked:
        case, answer, expected = trial.cases[number], trial.answers[number], trial.expected[number]
        index, nudged = case["nudge"][part.name], answer.nudged.get(part.name)
        if known:
            mutant = mutant_of(trial.exercise.reference, ((mistake.old, mistake.new),))
            nudged = worker.nudged(mutant.forward, case["arguments"], index)
        own = slope_of(nudged, case["arguments"][index], case["d_output"])
        if own is None or not trial.same(answer.arrays.get(part.name), own):
            return False
        pairs = [(answer.arrays.get(name), array) for name, array in expected.items()
                 if name.startswith("output")]  # fmt: skip
        pairs.append((own, expected[part.name]))
        if not known and not all(resembles(*pair) for pair in pairs):
            return False
    return bool(asked)


def slope_of(nudged, argument, d_output):
    """The numerical gradient from outputs with entries nudged up and down, or None."""
    d_output = worker.flat(d_output)
    if nudged is None or nudged.shape != (argument.size, 2, d_output.size):
        return None
    return ((nudged[:, 0] - nudged[:, 1]) @ d_output / (2 * worker.NUDGE)).reshape(argument.shape)


def resembles(array, right):
    """Whether two arrays point into the same direction, more or less."""
    if array is None or array.shape != right.shape or not np.isfinite(array).all():
        return False
    product, lengths = np.sum(array * right), np.linalg.norm(array) * np.linalg.norm(right)
    return product >= lengths / 2 and array.any() == right.any()


def troubles(answers):
    """[(None, sentence)]: what went wrong on the way, of every kind and function the first."""
    first = {}
    for key, values in (answer.trouble for answer in answers if answer.trouble):
        first.setdefault((key, str(values.get("function"))), (None, spoken((key, values))))
    return list(first.values())


def explain(trial, wrong, lost):
    """[(equation, sentence)] for the parts that earn nothing.

    Usual mistakes first, one upon the other; then the evidence of where else a part is right; then
    how it differs. wrong: the parts that are not as in the reference, some of which may have
    earned points. What comes back through a wrong forward is wrong too, and needs no sentence.
    """
    absent = [part for part in lost if any(part.of(trial.arrays[n]) is None
                                           for n in trial.agrees(part))]  # fmt: skip
    messages = []
    if absent and not any(answer.trouble for answer in trial.answers):
        others = {name for arrays in trial.arrays for name in arrays}
        others -= {name for expected in trial.expected for name in expected}
        for part in absent:
            key = "named_otherwise" if others else "missing"
            said = {"part": part.about, "name": part.name, "others": ", ".join(sorted(others))}
            messages.append((part.equation, say(key, **said)))
    lost = [part for part in lost if part not in absent]
    made = []
    while lost:
        mistake, explained = most_telling(trial, made, wrong, lost)
        if not explained:
            break
        made.append(mistake)
        messages.append((mistake.equation, mistake.text))
        forward = any(part.of_forward for part in explained)
        lost = [part for part in lost if part not in explained]
        lost = [part for part in lost if part.of_forward or not forward]
    while lost:
        part = lost[0]
        said = by_gate(trial, part, lost) or by_evidence(trial, part, wrong)
        equation, sentence, covered = said
        messages.append((equation, sentence))
        lost = [other for other in lost[1:] if other.name not in covered and not part.of_forward]
    return messages


def most_telling(trial, made, wrong, lost):
    """The mistake that explains most of what is lost and spoils nothing that is right."""
    best = None, []
    kept = [part for part in trial.exercise.parts if part not in wrong]
    for mistake in trial.exercise.mistakes:
        edits = [*made, mistake]
        if not alike(trial, lost, arrays_with(trial, edits, first=True)):
            continue
        arrays = arrays_with(trial, edits)
        spoilt = [part for part in lost if not all(trial.agrees(part, arrays).values())]
        explained = alike(trial, spoilt, arrays)
        spares = all(all(trial.agrees(part, arrays).values()) for part in kept)
        if spares and len(explained) > len(best[1]):
            best = mistake, explained
    return best


def alike(trial, parts, arrays):
    """The parts that are answered as in these arrays, {name: array} of all cases or the first."""
    pairs = list(zip(trial.arrays, arrays, strict=False))
    return [
        part for part in parts
        if all(trial.same(part.of(answered), part.of(one)) for answered, one in pairs
               if part.of(one) is not None)
    ]  # fmt: skip


def arrays_with(trial, edits, first=False):
    """For each case, or for the first, what is answered once these mistakes are made."""
    cases = trial.cases[:1] if first else trial.cases
    if trial.exercise.reference is None:
        array = trial.arrays[0].get(edits[-1].array)
        made = array is not None and np.isclose(fingerprint(array), edits[-1].number, 1e-6)
        return (trial.arrays if made else trial.expected)[: len(cases)]
    mutant = mutant_of(trial.exercise.reference, tuple((edit.old, edit.new) for edit in edits))
    with np.errstate(all="ignore"):
        return arrays_of(trial.exercise, vars(mutant), cases) or [{} for case in cases]


@cache
def mutant_of(reference, edits):
    """The reference with (old, new) replaced in its source, one edit after the other."""
    source = inspect.getsource(reference)
    for old, new in edits:
        source = source.replace(old, new)
    module = types.ModuleType(reference.__name__)
    module.__package__ = reference.__package__
    exec(compile(source, "<mistake>", "exec"), vars(module))
    return module


def by_gate(trial, part, lost):
    """(equation, sentence, parts) where a recurrent layer's db is wrong after one step, or None.

    There nothing comes back from later steps, so that it is wrong for the gates at fault alone.
    """
    gates, names = trial.exercise.gates, [other.name for other in lost]
    if not gates or part.of_forward or not {"W", "b"} <= set(names):  # one right: so is dz
        return None
    db, right = next((arrays.get("b"), expected["b"]) for case, arrays, expected
                     in zip(trial.cases, trial.arrays, trial.expected, strict=True)
                     if case["arguments"][0].shape[-2] == 1 and "b" in expected)  # fmt: skip
    if db is None or db.shape != right.shape:
        return None
    blocks = (np.split(array, len(gates)) for array in (db, right))
    wrong = [gate for gate, *pair in zip(gates, *blocks, strict=True) if not trial.same(*pair)]
    if not wrong:
        return None
    at, used = gates[wrong[0]]
    if len(wrong) == 1:
        return at, say("one_step_gate", gates=wrong[0], used=used, at=at), names
    outer = max(number for _, number in gates.values())  # which ∂ of the state comes in by
    shared = {gates[gate][1] for gate in wrong}
    if all(gate in wrong for gate, (_, number) in gates.items() if number in shared):
        shared.add(outer)
    all_used = ", ".join(f"∂({number})" for number in sorted(shared))
    return used, say("one_step_gates", gates=", ".join(wrong), used=all_used), names


def by_evidence(trial, part, wrong):
    """(equation, sentence, parts): what the evidence says of a part, or else how it differs."""
    differs, telling = describe(trial, part)
    names, wrong = trial.by_name(part), [other.name for other in wrong]
    for entry in mistakes.evidence(trial.exercise.name):
        cases = [name for name in entry.cases if not names.get(name, True)]
        if (
            entry.part == part.name
            and not (telling and part.of_forward)
            and bool(cases) == bool(entry.cases)
            and all(names.get(name, True) for name in entry.right_in)
            and not any(names.get(name, True) for name in entry.wrong_in)
            and not any(other in wrong for other in entry.right)
            and all(other in wrong for other in entry.wrong)
        ):
            said = {language: text.replace("{wrong}", ", ".join(cases))
                    for language, text in entry.text.items()}  # fmt: skip
            equation = (entry.cases[cases[0]] or None) if cases else entry.equation
            return equation, say("evidence", evidence=said, difference=differs), entry.covers
    if part.equation is None:
        return None, differs, ()
    return part.equation, say("look", sentence=differs, equation=part.equation), ()


def describe(trial, part):
    """How a part differs in the first case in which it does: see `difference`."""
    number = next(number for number, agreed in trial.agrees(part).items() if not agreed)
    array, right = part.of(trial.arrays[number]), part.of(trial.expected[number])
    axes = trial.exercise.axes.get(part.name, "")
    return difference(part.about, array, right, axes, trial.tolerance)
