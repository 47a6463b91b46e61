"""nbgrader's whole round on the folder that `tinyrec course grading` writes, for one week."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_check import OTHER_STYLE

from tinyrec.coursework import course

pytest.importorskip("nbgrader", reason="nbgrader is not installed")
nbformat = pytest.importorskip("nbformat")

EXERCISE, WEEK = Path("03-lstm-step.ipynb"), "week02"
STEP = OTHER_STYLE["lstm_step"]
MISTAKEN = STEP.replace("c * f + g * i", "c * f + g")

TRICKS = {  # what an answer may do to whatever judges it in its own process
    "a new check": "class check:\n    points = 8\n    __init__ = lambda *a, **k: None",
    "a new judge": "try:\n    import tinyrec.coursework.check as c\n"
                   "    c.judge = lambda *a, **k: None\nexcept Exception:\n    pass",
    "no number": "float = check = lambda *a, **k: type('V', (), {'points': '8.0'})",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    course.grading(tmp_path / "marking", seed=7, hints=1)
    (tmp_path / f"marking/nbgrader/source/{WEEK}/04-lstm-forward.ipynb").unlink()
    return tmp_path / "marking/nbgrader"


def nbgrader(folder, *arguments):
    command = [sys.executable, "-m", "nbgrader", *arguments]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def submit(folder, student, answer, tampered=False):
    """Hand in the released notebook with an answer; tampered: with a check that always pays."""
    notebook = nbformat.read(folder / "release" / WEEK / EXERCISE, as_version=4)
    for cell in notebook.cells:
        kind = cell.metadata.get("nbgrader", {})
        if kind.get("solution"):
            assert "YOUR CODE HERE" in cell.source and "SOLUTION" not in cell.source
            cell.source = answer
        if kind.get("grade") and tampered:
            cell.source = "8"
    handed_in = folder / "submitted" / student / WEEK
    handed_in.mkdir(parents=True)
    nbformat.write(notebook, handed_in / EXERCISE)


@pytest.mark.slow
def test_scores_are_earned_and_feedback_names_the_mistake(folder):
    nbgrader(folder, "generate_assignment", WEEK, "--create")
    submit(folder, "ann", STEP)
    submit(folder, "bob", MISTAKEN)
    submit(folder, "eve", MISTAKEN, tampered=True)
    submit(folder, "hal", "HINTS = 3\n" + STEP)
    for name, trick in TRICKS.items():
        submit(folder, name, f"{MISTAKEN}\n{trick}")
    nbgrader(folder, "autograde", WEEK, "--create")
    nbgrader(folder, "generate_feedback", WEEK)
    nbgrader(folder, "export")
    with open(folder / "grades.csv", encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"ann": 8, "bob": 4, "eve": 4, "hal": 5} | dict.fromkeys(TRICKS, 4)
    feedback = folder / "feedback/bob" / WEEK / EXERCISE.with_suffix(".html")
    assert "without the input gate" in feedback.read_text("utf-8")
