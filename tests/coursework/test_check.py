"""The oracle of the exercises: usual mistakes are named, right answers pass, cheats do not."""

import inspect
import json
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest

from tinyrec import InputError, Recommender, read_events
from tinyrec.__main__ import main
from tinyrec.coursework import check, check_file, process, replaced
from tinyrec.coursework.exercises import EXERCISES
from tinyrec.coursework.sentences import sentences
from tinyrec.model import functions, lstm

SOLUTIONS = Path(__file__).parent / "solutions"
EDITS = tomllib.loads((SOLUTIONS / "mistakes.toml").read_text("utf-8"))
MISTAKES = [(name, m) for name, exercise in EXERCISES.items() for m in exercise.mistakes]

OTHER_STYLE = {
    path.stem: path.read_text("utf-8") for path in SOLUTIONS.glob("*.py") if path.stem in EXERCISES
}
ADAM, ATTENTION, LOSS, LSTM = (OTHER_STYLE[name] for name in ("adam", "attention", "loss", "lstm"))


def judged(name, source, tmp_path):
    file = tmp_path / f"{name}.py"
    file.write_text(source, "utf-8")
    return check_file(name, file)


def functions_of(name, source):
    """The exercise's functions as defined by source."""
    module = types.ModuleType("solution")
    exec(compile(source, "solution.py", "exec"), vars(module))
    return {due: getattr(module, due) for due in EXERCISES[name].functions}


def with_mistake(name, mistake):
    """The reference's source, or the instructor's of a variant, with the mistake made in it."""
    exercise = EXERCISES[name]
    if exercise.reference is None:
        source = OTHER_STYLE[name]
        old, new = EDITS[name][mistake.id].values()
    else:
        source = inspect.getsource(exercise.reference)
        old, new = mistake.old, mistake.new
    assert old in source
    source = re.sub(r"(?m)^from \.[\w.]* import .*$", "", source.replace(old, new))
    return inspect.getsource(functions) + source


@pytest.mark.parametrize(
    ("name", "mistake"), MISTAKES, ids=[f"{name}-{m.id}" for name, m in MISTAKES]
)
def test_every_usual_mistake_is_named_by_its_sentence_alone(name, mistake):
    verdict = check(name, **functions_of(name, with_mistake(name, mistake)))
    messages = [(at, text) for at, text in verdict.messages if "not compiled" not in text]
    assert messages == [(mistake.equation, mistake.text["en"])]
    assert not verdict.passed


@pytest.mark.parametrize("name", OTHER_STYLE)
def test_a_right_solution_in_another_style_passes_at_both_doors(name, tmp_path):
    assert judged(name, OTHER_STYLE[name], tmp_path).passed
    assert check(name, **functions_of(name, OTHER_STYLE[name])).passed


FURTHER = [  # (exercise, edit of the other style, equations a message may point to)
    ("lstm", ("i * g\n        kept", "i * g + 0.01\n        kept"), {6, 7}),
    ("lstm", ("f * c + i * g", "f * c + i * g * o"), {6, 7}),
    ("lstm", ("h, c = o * np.tanh(new), new", "h, c = o * np.tanh(new), c"), {6, 7}),
    ("lstm", ("dU + h.T @ da", "dU + h.T @ da / len(kept)"), {2}),
    ("lstm", ("db + da.sum(0)", "da.sum(0)"), {2}),
    ("lstm", ("dict(W=dW, U=dU, b=db)", "dict(W=dW, U=dU)"), {2}),
    ("lstm", ("dict(W=dW, U=dU, b=db)", "dict(W=dW.T, U=dU, b=db)"), {2}),
    ("lstm", ("da @ U.T, dc * f", "da @ U.T, dc * i"), {2, 6, 7}),
    ("attention", ("H ** -0.5 +", "H ** 0.5 +"), {9, 10}),
    ("attention", ("w = e / e.sum(-1, keepdims=True)", "w = e / e.sum()"), {9, 10}),
    ("attention", ("full((T, T), -1e30), 1)", "full((T, T), -1e30), 2)"), {9, 10}),
    ("attention", ("da = da * h.shape", "da = -da * h.shape"), {8, 9, 10}),
    ("attention", ('"Wk": flat(h).T @ flat(dk)', '"Wk": flat(k).T @ flat(dk)'), {8}),
    ("scorer", ("u @ E.T + bias", "u @ E.T - bias"), {12}),
    ("scorer", ("return d @ E", "return 2 * d @ E"), {12}),
    ("loss", ("np.logaddexp(0, zn).sum(-1)", "np.logaddexp(0, zn).mean(-1)"), {13}),
    ("loss", ("/ (1 + np.exp(zp))", "/ (2 + np.exp(zp))"), {13}),
    ("metrics", ("row[t] for s in row)", "row[t] for s in row[1:])"), {None}),
    ("metrics", ("len(hits) / n\n", "len(hits) / k\n"), {None}),
    ("adam", ("(1 - b2**self.n)", "(1 - b1**self.n)"), {14, 15, 16}),
    ("adam", ("self.n += 1", "self.n += 2"), {14, 16}),
    ("adam", ("(g * g - v)", "(abs(g) - v)"), {14, 15, 16}),
    ("lstm_step", ("c * f + g * i", "c * f + g * i * i"), {6}),
    ("lstm_step", ("np.tanh(new) * o", "np.tanh(new * o)"), {7}),
    ("lstm_forward", ("np.tanh(c) * sigmoid(o)", "np.tanh(c) * o"), {7}),
    ("recurrence", ("range(T):", "range(T - 1):"), {7}),
    ("recurrence", ("a[j] += h[k] * U[k, j]", "a[j] += h[0] * U[k, j]"), {2, 7}),
    ("gru", ("+ z * h_prev  # (20)", "+ z**2 * h_prev  # (20)"), {18, 20}),
    ("gru", ("(r * h_prev) @ Un)", "((1 - r) * h_prev) @ Un)"), {17, 19}),
    ("gru", ("(r * h_prev) @ Un)", "(r * h_prev) @ Un.T)"), {19}),
    ("gru", ("dr * r * (1 - r)", "dr * r * (1 - r) ** 2"), {17, 19}),
    ("gru", ("np.stack(h, axis=-2)", "np.stack(h[::-1], axis=-2)"), {19, 20}),
    ("coupled", ("+ (1 - f) * g", "+ (1 - f**2) * g"), {21, 24}),
    ("coupled", ("h_t = o * np.tanh(c)", "h_t = np.tanh(o * c)"), {25}),
    ("coupled", ("dc * (c_prev - g)", "dc * (c_prev - g) * 2"), {21, 24}),
    ("additive", ("q[..., :, None, :] + k", "q[..., :, None, :] - k"), {26}),
    ("additive", ("long = w @ h", "long = (w @ h + h) / 2"), {27, 28}),
    ("additive", ("(1 - both**2)", "(1 - both)"), {26, 28}),
    ("additive", ("np.exp(scores - scores.max(axis=-1, keepdims=True))", "np.exp(scores)"), {27}),
    ("bpr", ("np.logaddexp(0, -difference)", "np.exp(-difference)"), {29}),
    ("bpr", ("np.logaddexp(0, -difference)", "np.log(1 + np.exp(-difference))"), {29}),
    ("bpr", ("dz_negative = -d", "dz_negative = -d / 2"), {29}),
    ("layernorm", ("np.sqrt(variance + eps)", "abs(x - mean).mean(axis=-1, keepdims=True)"), {31}),
    ("layernorm", ("mean = x.mean(axis=-1", "mean = np.median(x, axis=-1"), {30}),
    ("layernorm", ("eps=1e-5", "eps=1e-3"), {31}),
    ("layernorm", ("gain * normal", "gain**2 * normal"), {32}),
]


@pytest.mark.parametrize(("name", "edit", "equations"), FURTHER)
def test_other_wrong_solutions_are_rejected_with_the_equation(name, edit, equations):
    assert edit[0] in OTHER_STYLE[name]
    verdict = check(name, **functions_of(name, OTHER_STYLE[name].replace(*edit)))
    assert not verdict.passed
    assert verdict.messages[0][0] in equations, verdict


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "defines no `forward`"),
        ("def forward(*a): pass\ndef backward(*a): pass", "returns nothing yet"),
        ("def forward(*a): raise NotImplementedError\ndef backward(*a): ...", "still empty"),
        ("def forward(x:\n", "line 1"),
        ("def forward(x, W, U, b, state=None): return y, 0\ndef backward(*a): ...", "line 1"),
        (LSTM + "\nimport tinyrec", "write it yourself"),
        (LSTM.replace("    alone =", "    import tinyrec.model.lstm\n    alone ="), "yourself"),
        (LSTM + "\n__import__('importlib').import_module('tinyrec.model.lstm')", "yourself"),
        (LSTM + f"\nopen({lstm.__file__!r}).read()", "yourself"),
        (LSTM.replace("    alone =", "    x *= 2\n    alone ="), "writes into its inputs"),
        (LSTM + "\nimport os; os._exit(0)", "ended the program"),
        (LSTM + "\nraise SystemExit", "leave out exit()"),
        (LSTM.replace("back, dc = 0, 0", "dh *= 2; back, dc = 0, 0"), "writes into its inputs"),
    ],
)
def test_what_is_no_solution_gets_a_friendly_word(source, said, tmp_path):
    verdict = judged("lstm", source, tmp_path)
    assert verdict.points < verdict.max_points
    assert any(said in text for _, text in verdict.messages), verdict
    assert "Traceback" not in repr(verdict)


def test_what_a_file_prints_is_shown_and_stays_short(tmp_path):
    start = "def backward(dh, cache):"
    printing = LSTM.replace(start, f"{start}\n    print('∂h')")
    shown = str(judged("lstm", printing, tmp_path))
    assert "printed by the file:\n∂h\n" in shown
    flood = LSTM.replace("for t in range(T):", "for t in range(T):\n        print(t)")
    assert len(str(judged("lstm", flood, tmp_path)).splitlines()) < 40


def test_a_loop_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "SECONDS", 2)
    verdict = judged("lstm", "while True: pass", tmp_path)
    assert "loop without end" in verdict.messages[0][1]


def test_a_notebook_may_not_hand_in_the_reference():
    verdict = check("lstm", forward=lambda *a: lstm.forward(*a), backward=lstm.backward)
    assert verdict.points == 0
    assert "write it yourself" in verdict.messages[0][1]


def test_numbers_kept_from_an_earlier_run_do_not_pass(monkeypatch):
    monkeypatch.undo()  # cases are drawn anew, as for a learner
    step, kept = functions_of("lstm_step", OTHER_STYLE["lstm_step"])["step"], []

    def keeping(z, c):
        kept.append(step(z, c))
        return kept[-1]

    assert check("lstm_step", step=keeping).passed
    replies = iter(kept)
    assert check("lstm_step", step=lambda z, c: next(replies)).points == 0


def test_numbas_wall_of_text_becomes_one_line(tmp_path):
    source = "from numba import njit\n\n@njit\ndef forward(x, W, U, b):\n    return x.nothing\n"
    verdict = judged("lstm", source + "\ndef backward(dh, cache):\n    pass\n", tmp_path)
    text = verdict.messages[0][1]
    assert "Unknown attribute 'nothing'" in text and text.endswith(", line 5")
    assert len(text.splitlines()) == 1


def test_half_a_solution_gets_half_the_points():
    source = LSTM.replace("dict(W=dW, U=dU, b=db)", "dict(W=dW, U=0 * dU, b=db)")
    verdict = check("lstm", **functions_of("lstm", source))
    assert verdict.points == verdict.max_points - 2
    assert "backward: dU is zero everywhere" in verdict.messages[0][1]


@pytest.mark.parametrize(
    ("name", "edit", "equation", "said"),
    [
        ("lstm", ("c * f * (1 - f)", "c * f * (1 + f)"), 3, "for f: look at ∂(6) and ∂(3)"),
        ("lstm", ("tanh(new) * o * (1", "tanh(new) * (1"), 5, "for o: look at ∂(7) and ∂(5)"),
        ("lstm", ("np.cosh(new) ** 2", "np.cosh(new)"), 6, "for i, f, g: look at what"),
        ("lstm", ("da @ U.T, dc * f", "da @ U.T, dc * o"), 6, "from the step after"),
        ("gru", ("dr * r * (1 - r)", "dr * r * (2 - r)"), 17, "for r: look at ∂(19) and ∂(17)"),
        ("coupled", ("* (1 - g**2)", "* (1 - g**3)"), 22, "for g: look at ∂(24) and ∂(22)"),
    ],
)
def test_a_gate_whose_gradient_is_wrong_is_named(name, edit, equation, said):
    assert edit[0] in OTHER_STYLE[name]
    verdict = check(name, **functions_of(name, OTHER_STYLE[name].replace(*edit)))
    assert verdict.messages[0][0] == equation, verdict
    assert said in verdict.messages[0][1]


WRONG = [  # (exercise, equation, edit of forward, points, the same in backward, points then)
    ("lstm", 6, ("f * c + i * g", "f * c + g"), 0,
     ("[dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i *",
      "[0 * dc, dc * c * f * (1 - f), dc *"), 10),
    ("attention", 9, (" * H ** -0.5", ""), 0, ("da = da * h.shape[-1] ** -0.5", ""), 8),
    ("scorer", 12, ("u @ E.T + bias", "2 * u @ E.T + bias"), 8,
     ('return d @ E, {"E": dE', 'return 2 * d @ E, {"E": 2 * dE'), 8),
    ("loss", 13, ("beta * np.log", "np.log"), 6, ("real * beta /", "real /"), 6),
]  # fmt: skip


@pytest.mark.parametrize(("name", "equation", "forward", "alone", "backward", "both"), WRONG)
def test_a_right_backward_of_a_wrong_forward_earns_its_points(
    name, equation, forward, alone, backward, both
):
    wrong = OTHER_STYLE[name].replace(*forward)
    for source, points in ((wrong, alone), (wrong.replace(*backward), both)):
        verdict = check(name, **functions_of(name, source))
        assert verdict.points == points, verdict
        assert {at for at, _ in verdict.messages} == {equation}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("np.swapaxes(out, -1, -2)", "T and H swapped?"),
        ("-out", "wrong sign"),
        ("2 * out", "2 times what is due"),
        ("np.roll(out, 1, 1)", "too late"),
        ("out + 1e-3 * (np.arange(T) > 2)[:, None]", "step t = 4"),
    ],
)
def test_a_difference_is_described(edit, said):
    source = LSTM.replace("return (out[0]", f"out = {edit}\n    return (out[0]")
    verdict = check("lstm", **functions_of("lstm", source))
    assert said in verdict.messages[0][1], verdict


def test_the_command_writes_its_files_and_exits_by_the_verdict(tmp_path, capsys):
    file, found, scope = tmp_path / "a.py", tmp_path / "a.json", tmp_path / "results.json"
    file.write_text(ADAM.replace("self.p[k] -=", "self.p[k] +="), "utf-8")
    arguments = ["check", "adam", str(file), "--json", str(found), "--gradescope", str(scope)]
    assert main(arguments) == 1
    verdict = json.loads(found.read_text("utf-8"))
    assert verdict["passed"] is False and verdict["points"] == 0
    assert verdict["messages"] == [{"equation": 16, "text": verdict["messages"][0]["text"]}]
    tests = json.loads(scope.read_text("utf-8"))["tests"]
    assert sum(test["max_score"] for test in tests) == verdict["max_points"]
    file.write_text(ADAM, "utf-8")
    assert main(arguments) == 0
    assert json.loads(found.read_text("utf-8"))["passed"] is True
    assert main(["check", "adma", str(file)]) == 2
    assert "lstm, attention, scorer" in capsys.readouterr().err
    assert main(["check", "adam", str(tmp_path / "none.py")]) == 2


def test_pytest_judges_a_file_by_its_name(tmp_path):
    def run(name, source):
        file = tmp_path / name
        file.write_text(source, "utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "tinyrec.coursework.pytest_student"]
        done = subprocess.run([*command, "--student", str(file)], capture_output=True, text=True,
                              cwd=Path(__file__).parents[2], check=False)  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    code, said = run("02_lstm.py", LSTM.replace("db + da.sum(0)", "db + da.mean(0)"))
    assert code == 1
    assert "lstm: backward: db" in said and "lstm: backward: dx" not in said
    assert "your db" in said or "backward: db" in said
    assert "Traceback" not in said
    assert run("my_adam.py", ADAM)[0] == 0
    code, said = run("homework.py", ADAM)
    assert code != 0 and "name the file after its exercise" in said


def test_the_recommender_trains_on_a_layer_of_yours(tmp_path):
    events = cycle_of(tmp_path)
    calls = []
    mine = types.SimpleNamespace(
        forward=lambda *a: calls.append(1) or lstm.forward(*a), backward=lstm.backward
    )
    Recommender(dim=4, hidden=4, epochs=1, negatives=3, layers=replaced(lstm=mine)).fit(events)
    assert calls
    before = len(calls)
    Recommender(dim=4, hidden=4, epochs=1, negatives=3).fit(events)
    assert len(calls) == before
    with pytest.raises(InputError, match="embedding"):
        replaced(lsmt=mine)


def cycle_of(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "log.txt"
    file.write_text("\n".join(" ".join(map(str, rng.permutation(8))) for _ in range(12)), "utf-8")
    return read_events(file)


def test_every_sentence_is_there_in_chinese_with_the_same_blanks():
    blanks = re.compile(r"\{(\w+)\}")
    for key, said in sentences().items():
        assert sorted(blanks.findall(said["en"])) == sorted(blanks.findall(said["zh"])), key
    for _, mistake in MISTAKES:
        marks = [set(re.findall(r"\(\d+\)", text)) for text in mistake.text.values()]
        assert marks[0] == marks[1], mistake


def test_a_verdict_speaks_chinese(tmp_path):
    file = tmp_path / "lstm.py"
    file.write_text(LSTM.replace("dh[:, t] + back", "dh[:, t]"), "utf-8")
    verdict = check_file("lstm", file, language="zh")
    assert verdict.messages == [(2, "在你的循环里，下一步的 ∂h 没有经过 U 传回来：∂(2) 到 ∂(5)")]
    assert "lstm：6 分，满分 16 分" in str(verdict) and "前向：h" in str(verdict)
    with pytest.raises(InputError, match="en, zh"):
        check_file("lstm", file, language="fr")


def test_the_command_line_speaks_chinese(tmp_path, capsys):
    (tmp_path / "lstm.py").write_text("def forward(*a):\n    return 0, 0\nbackward = forward\n")
    assert main(["check", "lstm", str(tmp_path / "lstm.py"), "--language", "zh"]) == 1
    assert "满分 16 分" in capsys.readouterr().out


def test_a_file_that_was_not_handed_in_earns_nothing_at_gradescope(tmp_path, capsys):
    results = tmp_path / "results.json"
    assert main(["check", "lstm", str(tmp_path / "no.py"), "--gradescope", str(results)]) == 2
    tests = json.loads(results.read_text())["tests"]
    assert {test["score"] for test in tests} == {0}
    assert "no such file" in tests[0]["output"] + capsys.readouterr().err
