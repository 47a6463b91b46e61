"""What is said of wrong solutions that no list foresees, and of files that are none."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_check import ADAM, ATTENTION, LOSS, LSTM, OTHER_STYLE, functions_of

from tinyrec.coursework import check, check_file
from tinyrec.coursework.differences import difference, same

CASES = Path(__file__).parents[3] / "shared/cases"


def verdict_on(name, source, *edits, seed=None):
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    return check(name, seed=seed, **functions_of(name, source))


def said(verdict):
    return " ".join(text for _, text in verdict.messages)


EVIDENCE = [  # (exercise, edit of a right solution, equation, what is said)
    ("lstm", ("+ b\n", "+ b\n        a[:, H:2*H] += 0.1 * (h @ U)[:, H:2*H]\n"), 3, "f(h)"),
    ("lstm", ("+ b\n", "+ b\n        a[:, 3*H:] += 0.1 * (x[:, t] @ W)[:, 3*H:]\n"), 5, "o(x)"),
    ("lstm", ("[W, U], 0) + b", "[W, U], 0) + b**2"), 2, "b alone"),
    ("lstm", ("new = f * c + i * g", "new = f * c + i * g + 0.1 * t"), 6, "step is right"),
    ("lstm", ("dU + h.T @ da", "dU + 1.1 * h.T @ da"), 2, "look at dU"),
    ("lstm", ("db + da.sum(0)", "db + 1.1 * da.sum(0)"), 2, "db alone is wrong"),
    ("lstm", ("da @ U.T, dc * f", "da @ U.T * 0.9, dc * f"), 2, "comes back through U"),
    ("attention", ("H ** -0.5 +", "H ** -0.4 +"), 9, "√H"),
    ("attention", ("q, k = h @ Wq, h @ Wk", "q, k = h @ Wq, h @ (Wk + Wq) / 2"), 8, "W_k"),
    ("attention", ("da = da * h.shape[-1] ** -0.5", "da = da / 2"), 9, "share"),
    ("attention", ("w, d) + dq", "w, 1.1 * d) + dq"), 10, "sum alone"),
    ("adam", ("v + (1 - b2) * (g * g - v)", "v * b2**2 + (1 - b2) * g * g"), 15, "β₂ = 0"),
    ("adam", ("m + (1 - b1) * (g - m)", "m * b1**2 + (1 - b1) * g"), 14, "β₁ = 0"),
    ("metrics", ("(row.count(row[t]) - 1) / 2", "(row.count(row[t]) - 1) / 3"), None, "ties"),
    ("loss", ("np.logaddexp(0, -zp)", "np.logaddexp(0.01, -zp)"), 13, "one row"),
]


@pytest.mark.parametrize(("name", "edit", "equation", "words"), EVIDENCE)
def test_where_else_it_is_right_leads_to_what_is_at_fault(name, edit, equation, words):
    verdict = verdict_on(name, OTHER_STYLE[name], edit)
    assert not verdict.passed
    assert verdict.messages[0][0] == equation, verdict
    assert words in verdict.messages[0][1], verdict


def test_two_mistakes_are_both_named():
    edits = [("- w * np.einsum", "- 0 * np.einsum"),
             ('"Wk": flat(h).T @ flat(dk)', '"Wk": flat(dk).T @ flat(h)')]  # fmt: skip
    verdict = verdict_on("attention", ATTENTION, *edits)
    assert "lacks − Σ w ∂w" in said(verdict) and "dW_k" in said(verdict)


@pytest.mark.parametrize("order", ["f i g o", "o g f i", "g i o f"])
def test_another_order_of_the_gates_is_named(order):
    at = {gate: place for place, gate in enumerate(order.split())}
    edits = [("s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])",
              ", ".join(f"{'np.tanh' if gate == 'g' else 's'}(a[:, {at[gate]}*H:{at[gate] + 1}*H])"
                        for gate in "ifgo"))]  # fmt: skip
    assert f"in the order {', '.join(order.split())}:" in said(verdict_on("lstm", LSTM, *edits))


def test_large_logits_and_scores_are_among_the_cases():
    overflow = verdict_on("loss", LOSS, ("np.logaddexp(0, zn)", "np.log(1 + np.exp(zn))"))
    assert not overflow.passed and "large" in said(overflow)
    overflow = verdict_on("attention", ATTENTION, ("a - a.max(-1, keepdims=True)", "a"))
    assert not overflow.passed and "overflow" in said(overflow)


@pytest.mark.parametrize(
    ("name", "edit"),
    [("loss", ("(-d * real * beta", "(-real * beta")), ("bpr", ("-dloss * weight", "-weight"))],
)
def test_the_gradient_of_the_loss_is_not_always_one(name, edit):
    verdict = verdict_on(name, OTHER_STYLE[name], edit)
    assert verdict.points < verdict.max_points and "∂loss" in said(verdict)


ADAM_EDITS = [
    ("m, v = self.mv[k]", "m, v = self.mv[min(self.mv)]", "wrong with several"),
    ("self.n += 1\n        for k, g in grads.items():", "for k, g in grads.items():\n"
     "            self.n += 1", "once for every parameter"),
    ("m, v = self.mv[k]", "m, v = self.mv[k]\n            g *= 1.001", "changes the gradients"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), ADAM_EDITS)
def test_adam_is_asked_with_several_parameters(old, new, words):
    source = ADAM.replace("self.mv[k] = [m, v]", "self.mv[min(self.mv)] = self.mv[k] = [m, v]")
    verdict = verdict_on("adam", source if "min" in new else ADAM, (old, new))
    assert not verdict.passed and words in said(verdict), verdict


def test_single_precision_is_right_and_is_told():
    single = "    x, W, U, b = (a.astype(np.float32) for a in (x, W, U, b))\n"
    source = LSTM.replace("    alone =", single + "    alone =")
    verdict = verdict_on("lstm", source)
    assert verdict.passed and "float32" in said(verdict)
    wrong = verdict_on("lstm", source, ("f * c + i * g", "f * c + g"))
    assert (6, "your c_t adds g_t without the input gate: look at (6)") in wrong.messages


def test_a_gradient_under_another_name_is_seen():
    verdict = verdict_on("lstm", LSTM, ("dict(W=dW", "dict(Wx=dW"))
    assert 'it has to be called "W" (there is Wx)' in said(verdict)


def test_an_error_says_what_the_function_was_called_with():
    verdict = verdict_on("loss", LOSS, ("np.expand_dims(lengths, -1)", "lengths[:, None]"))
    assert "called with (3,), (3, 4), (), float, stops at line" in said(verdict)


WRONG = [
    ("lstm", ("f * c + i * g", "f * c + g")),
    ("attention", ("H ** -0.5", "1")),
    ("loss", ("(K + 1.0)", "K")),
    ("gru", ("z * h_prev  # (20)", "z * n  # (20)")),
]


@pytest.mark.parametrize(("name", "edit"), WRONG)
def test_the_same_solution_gets_the_same_points_whatever_cases_are_drawn(name, edit):
    verdicts = [verdict_on(name, OTHER_STYLE[name], edit, seed=seed) for seed in range(5)]
    assert len({(v.points, *[at for at, _ in v.messages]) for v in verdicts}) == 1


def test_a_seed_draws_the_same_cases_again(monkeypatch, tmp_path):
    monkeypatch.undo()
    file = tmp_path / "lstm.py"
    file.write_text(LSTM.replace("f * c + i * g", "f * c + i * g + 0.01"), "utf-8")
    same_seed = {str(check_file("lstm", file, seed=7)) for _ in range(2)}
    assert len(same_seed) == 1
    assert str(check_file("lstm", file, seed=8)) not in same_seed


@pytest.mark.parametrize("size", [1e-7, 1e-3, 1.0, 1e6])
def test_a_difference_is_never_said_of_two_equal_numbers(size):
    rng = np.random.default_rng(3)
    for _ in range(200):
        right = size * rng.normal(size=3)
        wrong = right * (1 + 10.0 ** rng.uniform(-7, 0))
        if same(wrong, right):
            continue
        text = difference("it", wrong, right)[0]["en"]
        assert not re.search(r" 1 times|1/1 ", text)
        numbers = re.search(r": (\S+) where (\S+) was", text)
        assert not numbers or numbers[1] != numbers[2]


def test_a_file_is_loaded_as_an_import_would(tmp_path):
    folder = tmp_path / "作业 2.final"
    folder.mkdir()
    (folder / "my_functions.py").write_text("import more\nfrom math import e\n", "utf-8")
    (folder / "more.py").write_text("def twice(a):\n    return 2 * a\n", "utf-8")
    source = """
#!/usr/bin/env python
import os
from dataclasses import dataclass
from my_functions import more
import matplotlib.pyplot as plt
from tinyrec.coursework import check

get_ipython().run_line_magic("matplotlib", "inline")
figure, axes = plt.subplots()
axes.plot([1, 2])
os.chdir("/")
open("scratch.txt", "w").write("x")

@dataclass
class Kept:
    values: tuple
""" + LSTM.replace("alone)\n\ndef", "more.twice(alone) // 2)\n\ndef") + """
import argparse
argparse.ArgumentParser().parse_args()
if __name__ == "__main__":
    raise SystemExit(3)
print(check("lstm", forward=forward, backward=backward))
"""
    (folder / "02 lstm.py").write_text(source, "utf-8")
    assert check_file("lstm", folder / "02 lstm.py").passed


FILES = [  # (name, content, what is said; None if it passes)
    ("a.py", LSTM.encode("utf-16"), "UTF-16"),
    ("a.py", LSTM.encode("utf-8-sig"), None),
    ("a.py", ("# 长短期记忆\n" + LSTM).encode("gbk"), None),
    ("a.py", LSTM.replace("        out.append", "\tout.append").encode(), None),
    ("a.py", LSTM.replace("        a = np", "    \ta = np").encode(), None),
    ("a.py", b"n = int(input('steps? '))\n" + LSTM.encode(), "waits for input"),
    ("a.py", LSTM.encode() + b"\nexit()", "leave out exit()"),
    ("a.ipynb", json.dumps({"cells": []}).encode(), "notebook"),
    ("a.txt", LSTM.encode(), "ends in .py"),
    ("a.py", b"\0\1\2", "line 1"),
    ("a.py", b"(" * 99_999, "line 1"),
    ("a.py", b"x = " + b"-" * 199_999 + b"1", "the file stops"),
]


@pytest.mark.parametrize(("name", "content", "words"), FILES)
def test_files_that_are_none_get_a_sentence_of_their_own(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    verdict = check_file("lstm", tmp_path / name)
    assert verdict.passed == (words is None), verdict
    assert words is None or words in said(verdict)
    assert len(said(verdict)) < 300


def shared_cases():
    index = CASES / "coursework/INDEX.tsv"
    if not index.is_file():
        return [pytest.param(None, id="none", marks=pytest.mark.skip("no shared cases here"))]
    with open(index, encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return [pytest.param(row, id=row[1]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("row", shared_cases())
def test_of_files_that_students_write_the_right_ones_pass_alone(row):
    name, file, kind, _ = row
    verdict = check_file(name, CASES / "coursework" / file)
    assert verdict.passed == (kind == "right"), verdict


@pytest.mark.slow
def test_nearly_all_messages_point_at_an_equation_or_a_rule_at_fault():
    rows = [row.values[0] for row in shared_cases()]
    if rows == [None]:
        pytest.skip("no shared cases here")
    pointed = []
    for name, file, kind, fault in rows:
        faults = equations_in(fault)
        if kind == "wrong" and faults:
            verdict = check_file(name, CASES / "coursework" / file)
            named = {at for at, _ in verdict.messages} | equations_in(said(verdict))
            pointed.append(bool(named & faults))
    assert np.mean(pointed) >= 0.93


def equations_in(text):
    """The numbers of equations and rules in a text, "2-5" and "(2) to (5)" with all between."""
    found = {int(n) for n in re.findall(r"(?<![\d.])\d+", text)}
    for first, last in re.findall(r"\(?(\d+)\)?(?:-| to ∂?)\(?(\d+)\)?", text):
        found |= set(range(int(first), int(last) + 1))
    return found
