"""Exercises without a reference: held to the learner's own forward and to what must be true."""

from pathlib import Path

import numpy as np
import pytest
from test_check import OTHER_STYLE, functions_of

from tinyrec.coursework import check, check_file
from tinyrec.coursework.check import questions
from tinyrec.coursework.exercises import EXERCISES, references
from tinyrec.coursework.exercises.log import MOST, cleaning_logs
from tinyrec.preprocess import events

FOLDER = Path(events.__file__).parents[1]
VARIANTS = {name: exercise for name, exercise in EXERCISES.items() if not exercise.reference}


def judged(name, *edits):
    source = OTHER_STYLE[name]
    for old, new in edits:
        assert old in source
        source = source.replace(old, new)
    return check(name, **functions_of(name, source))


def test_no_file_of_the_package_computes_a_variant():
    examiner = [*FOLDER.glob("coursework/**/*.py")]
    stems = [path.stem for path in [*examiner, *FOLDER.glob("model/*.py")]]
    assert not [name for name in VARIANTS if name in stems]
    assert not [path for path in examiner if "def back" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_goes_to_the_learners_process_holds_no_answer(name):
    cases = VARIANTS[name].cases(np.random.default_rng(0))
    asked = questions(cases)
    assert len(asked) == len(cases)
    for case in asked:
        assert set(case) <= {"name", "arguments", "d_output", "nudge"}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_small_cases_stored_answer_earns_nothing_elsewhere(name):
    case = VARIANTS[name].cases(np.random.default_rng(0))[0]
    answer = case["expected"]["output"]
    right = functions_of(name, OTHER_STYLE[name])

    def forward(*arguments):
        output, cache = right["forward"](*arguments)
        alike = np.shape(output) == answer.shape and np.allclose(output, answer)
        return output if alike else 0 * output, cache if alike else None

    def backward(d_output, cache):
        return right["backward"](d_output, cache) if cache else (0 * d_output, {})

    verdict = check(name, forward=forward, backward=backward)
    parts = zip(VARIANTS[name].parts, verdict.parts, strict=True)
    earned = {part.name: got for part, (_, got, _) in parts}
    assert earned["output"] == 0 and verdict.points < verdict.max_points / 3


def test_a_right_gradient_of_a_wrong_forward_keeps_its_points():
    verdict = judged("coupled", ("h_t = o * np.tanh(c)", "h_t = o * c"),
                     ("d * np.tanh(c)", "d * c"), ("o * (1 - np.tanh(c) ** 2)", "o"))  # fmt: skip
    earned = {about: got for about, got, _ in verdict.parts}
    assert not verdict.passed
    assert earned["forward: h"] == 0
    assert [earned[f"backward: {name}"] for name in ("dx", "dW", "dU", "db")] == [3, 2, 2, 1]


def test_a_forward_that_reads_nothing_earns_nothing():
    def forward(x, W, U, b, state=None):
        return np.zeros((*x.shape[:-1], len(U))), (x, W, U, b)

    def backward(dh, cache):
        dx, dW, dU, db = map(np.zeros_like, cache)
        return dx, {"W": dW, "U": dU, "b": db}

    assert check("gru", forward=forward, backward=backward).points == 0


def test_each_wrong_gate_is_told_by_what_it_does():
    verdict = judged("gru", ("z * h_prev  # (20)", "z**2 * h_prev  # (20)"))
    assert verdict.messages[0][0] == 20 and "(18)" in verdict.messages[0][1]
    assert "z = ½" in verdict.messages[0][1]


def test_the_cleaning_rules_are_those_of_the_package(monkeypatch):
    monkeypatch.setattr(events, "BOT_EVENTS", MOST)
    monkeypatch.setattr(events, "hashes", lambda names: np.zeros(len(names), np.uint64))  # rule 5
    log = cleaning_logs(np.random.default_rng(0))["together"]
    log = log[np.argsort(np.isnan(log[:, 3]) | np.isnan(log[:, 0]), kind="stable")]
    texts = [["" if np.isnan(value) else f"{value:g}" for value in column] for column in log.T]
    clean = events.clean(dict(zip(("user", "item", "event", "timestamp"), texts, strict=True)))
    names = clean.users[clean.user], clean.items[clean.item], np.array(clean.kinds)[clean.kind]
    rows = np.stack([*(name.astype(float) for name in names), clean.time], axis=1)
    in_order = rows[np.argsort(rows[:, 0], kind="stable")]
    assert np.array_equal(references.clean(log, MOST), in_order)


def test_a_loop_that_is_not_compiled_keeps_the_points_of_its_numbers():
    verdict = judged("recurrence", ("@njit\ndef walk", "def walk"))
    assert [got for _, got, _ in verdict.parts] == [6, 0]
    assert "@njit" in verdict.messages[0][1]


PRETENDING = {
    "a class": "class Walk:\n    nopython_signatures = [1]\n    __call__ = staticmethod(inner)\n"
               "Walk.__module__ = 'numba'\nwalk = Walk()",
    "Python inside": "from numba import objmode\n@njit\ndef walk(z, U, h0, c0):\n"
                     "    with objmode(h='f8[:,:,:]'):\n        h = inner(z, U, h0, c0)\n"
                     "    return h",
}  # fmt: skip


@pytest.mark.parametrize("way", PRETENDING)
def test_a_loop_that_only_pretends_to_be_compiled_is_not(way, tmp_path):
    source = OTHER_STYLE["recurrence"].replace("@njit\ndef walk", "def inner")
    (tmp_path / "recurrence.py").write_text(f"{source}\n{PRETENDING[way]}", "utf-8")
    verdict = check_file("recurrence", tmp_path / "recurrence.py")
    assert [got for _, got, _ in verdict.parts] == [6, 0]


@pytest.mark.parametrize("name", ["cleaning", "sequences", "gradcheck"])
def test_a_function_that_returns_nothing_gets_a_friendly_word(name):
    def forgetful(*arguments):
        return None

    verdict = check(name, **dict.fromkeys(EXERCISES[name].functions, forgetful))
    assert verdict.points <= 1
    assert "nothing yet" in verdict.messages[0][1]


def test_one_function_that_stops_leaves_the_others_points():
    verdict = judged("sequences", ("    width = max", "    1 / 0\n    width = max"))
    assert verdict.points == verdict.max_points - 2
    assert "ZeroDivisionError" in verdict.messages[0][1]


def test_the_answers_of_the_coursework_may_not_be_called():
    verdict = check("cleaning", clean=lambda log, most: references.clean(log, most))
    assert verdict.points == 0
    assert "write it yourself" in verdict.messages[0][1]
