"""From what a learner's functions answered to points, and to a sentence on what is wrong."""

import inspect
import types
from typing import NamedTuple

import numpy as np

from . import worker
from .differences import difference, same
from .exercises.unseen import fingerprint
from .sentences import say, spoken

PRINTED = 20  # lines that a file printed, shown with its verdict


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
        return self.points == self.max_points

    def __repr__(self):
        def said(key, **values):
            return say(key, **values)[self.language]

        numbers = {"points": self.points, "most": self.max_points}
        lines = [said("points", exercise=self.exercise, **numbers)]
        lines += [f"  {points}/{most}  {about}" for about, points, most in self.parts]
        lines += [f"  {text}" for _, text in self.messages]
        printed = self.printed.splitlines()
        if printed:
            lines += [said("printed"), *printed[:PRINTED]]
        if len(printed) > PRINTED:
            lines.append(said("lines_more", lines=len(printed) - PRINTED))
        return "\n".join(lines)


def judge(exercise, cases, reply, language="en"):
    """The Verdict on a worker's Reply to cases.

    Points for each part that is right in all cases; a sentence for each that is not. After a
    wrong forward, a backward is right that is the derivative of this forward.
    """
    if reply.trouble:
        return verdict_of(exercise, exercise.parts, [(None, spoken(reply.trouble))], language)
    answers = reply.answers
    expected = expected_arrays(exercise, cases)
    wrong = [part for part in exercise.parts if not agrees(part, answers, expected)]
    own = [own_gradients(*pair) for pair in zip(cases, answers, strict=True)]
    lost = [part for part in wrong if not agrees(part, answers, expected, own)]
    messages = troubles(answers)
    if not all(same(a.arrays[name], a.again[name]) for a in answers for name in a.again):
        messages.append((None, say("called_twice")))
        wrong = lost = [part for part in exercise.parts if not part.of_forward]
    messages += explain(exercise, cases, answers, expected, wrong, lost)
    return verdict_of(exercise, lost, messages, language)


def verdict_of(exercise, lost, messages, language):
    """The Verdict when the lost parts earn nothing."""
    parts = [(part.about[language], 0 if part in lost else part.points, part.points)
             for part in exercise.parts]  # fmt: skip
    points, most = (sum(part[column] for part in parts) for column in (1, 2))
    messages = [(equation, text[language]) for equation, text in messages]
    return Verdict(exercise.name, points, most, messages, parts, language=language)


def agrees(part, answers, *possible):
    """Whether in each case an answer's array is as in one of the possible dicts of arrays."""
    return all(
        part.name in answer.arrays
        and any(part.name in arrays and same(part.of(answer.arrays), part.of(arrays))
                for arrays in either)
        for answer, *either in zip(answers, *possible, strict=True)
    )  # fmt: skip


def troubles(answers):
    """[(None, sentence)]: what went wrong on the way, each once."""
    messages = []
    for answer in answers:
        if answer.trouble and (None, spoken(answer.trouble)) not in messages:
            messages.append((None, spoken(answer.trouble)))
    return messages


def expected_arrays(exercise, cases):
    """For each case {name: array} of what is right."""
    if exercise.reference is None:
        return [case["expected"] for case in cases]
    return arrays_of(exercise, vars(exercise.reference), cases)


def own_gradients(case, answer):
    """{name: the numerical gradient of the learner's own forward}, from its nudged outputs.

    It is infinite where the output does not depend on the argument: nothing is earned there.
    """
    gradients = {}
    for name, outputs in answer.nudged.items():
        argument = case["arguments"][case["nudge"][name]]
        d_output = worker.flat(case["d_output"])
        gradients[name] = np.full(argument.shape, np.inf)
        if outputs.shape[-1] == d_output.size and np.ptp(outputs, axis=1).any():
            slopes = (outputs[:, 0] - outputs[:, 1]) @ d_output / (2 * worker.NUDGE)
            gradients[name] = slopes.reshape(argument.shape)
    return gradients


def arrays_of(exercise, namespace, cases):
    """For each case {name: array}, as the functions of a namespace answer."""
    functions = {name: namespace[name] for name in exercise.functions}
    cases = [case | {"nudge": {}} for case in copied(cases)]
    answers = worker.reply_of(exercise.kind, functions, cases).answers
    return [answer.arrays | exercise.demands for answer in answers]


def copied(value):
    """Nested lists, tuples and dicts with their arrays copied."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copied(one) for one in value)
    return value


def explain(exercise, cases, answers, expected, wrong, lost):
    """[(equation, sentence)] for the parts that earn nothing: usual mistakes, or differences.

    wrong: the parts that are not as in the reference, of which some may have earned points.
    """
    missing = [part for part in lost if any(part.name not in a.arrays for a in answers)]
    messages = []
    if not any(answer.trouble for answer in answers):
        messages = [(part.equation, say("missing", part=part.about)) for part in missing]
    lost = [part for part in lost if part not in missing]
    mistaken = [(mistake, arrays_with(exercise, mistake, cases, answers, expected))
                for mistake in exercise.mistakes if lost]  # fmt: skip
    while lost:
        mistake, explained = most_telling(exercise, mistaken, answers, expected, wrong, lost)
        if not explained:
            break
        messages.append((mistake.equation, mistake.text))
        lost = [part for part in lost if part not in explained]
        if any(part.of_forward for part in explained):
            lost = []  # what comes back through a wrong forward is wrong as well
    messages += by_gate(exercise, cases, answers, expected, lost)
    for part in lost:
        messages.append((part.equation, describe(exercise, part, answers, expected)))
        if part.of_forward:
            break
    return messages


def arrays_with(exercise, mistake, cases, answers, expected):
    """For each case what is answered once the mistake is made."""
    if exercise.reference is None:
        array = answers[0].arrays.get(mistake.array)
        made = array is not None and np.isclose(fingerprint(array), mistake.number, 1e-6)
        return [answer.arrays for answer in answers] if made else expected
    source = inspect.getsource(exercise.reference)
    module = types.ModuleType(exercise.reference.__name__)
    module.__package__ = exercise.reference.__package__
    exec(compile(source.replace(mistake.old, mistake.new), "<mistake>", "exec"), vars(module))
    with np.errstate(all="ignore"):
        return arrays_of(exercise, vars(module), cases)


def most_telling(exercise, mistaken, answers, expected, wrong, lost):
    """The mistake that explains most of what is lost and spoils nothing that is right."""
    best = None, []
    for mistake, arrays in mistaken:
        spoilt = [part for part in exercise.parts if not all_same(part, arrays, expected)]
        explained = [part for part in lost if part in spoilt and agrees(part, answers, arrays)]
        if len(explained) > len(best[1]) and all(part in wrong for part in spoilt):
            best = mistake, explained
    return best


def all_same(part, arrays, expected):
    """Whether a part of arrays, case by case, is as expected."""
    pairs = zip(arrays, expected, strict=True)
    return all(part.name in a and same(part.of(a), part.of(e)) for a, e in pairs)


def by_gate(exercise, cases, answers, expected, lost):
    """[(equation, sentence)]: for which gates a recurrent layer's db is wrong after one step.

    There nothing comes back from later steps, so that it is wrong for those at fault alone.
    """
    names = [part.name for part in lost]
    if not exercise.gates or "b" not in names or "output" in names:
        return []
    db, right = next((answer.arrays["b"], arrays["b"])
                     for case, answer, arrays in zip(cases, answers, expected, strict=True)
                     if case["arguments"][0].shape[-2] == 1)  # fmt: skip
    if db.shape != right.shape:
        return []
    halves = (np.split(array, len(exercise.gates)) for array in (db, right))
    wrong = [gate for gate, *pair in zip(exercise.gates, *halves, strict=True) if not same(*pair)]
    if not wrong:
        return [(min(exercise.gates.values())[0], say("one_step_right"))]
    at, used = exercise.gates[wrong[0]]
    gates = ", ".join(wrong)
    if len(wrong) > 1:
        return [(at, say("one_step_gates", gates=gates))]
    return [(at, say("one_step_gate", gates=gates, used=used, at=at))]


def describe(exercise, part, answers, expected):
    """The sentence on how a part differs, in the last case in which it does."""
    pairs = [(part.of(answer.arrays), part.of(arrays))
             for answer, arrays in zip(answers, expected, strict=True)]  # fmt: skip
    array, right = [pair for pair in pairs if not same(*pair)][-1]
    sentence = difference(part.about, array, right, exercise.axes.get(part.name.split()[0], ""))
    if part.equation is None:
        return sentence
    return say("look", sentence=sentence, equation=part.equation)
