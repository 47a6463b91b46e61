"""nbgrader's whole round on an exercise: generate, tamper, autograde, feedback, export."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_check import STEP

pytest.importorskip("nbgrader", reason="nbgrader is not installed")
nbformat = pytest.importorskip("nbformat")

EXERCISE = Path(__file__).parents[2] / "notebooks/exercises/03-lstm-step.ipynb"
MISTAKEN = STEP.replace("c * f + g * i", "c * f + g")


@pytest.fixture
def course(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "tinyrec"\n'
    )
    source = tmp_path / "source/week1"
    source.mkdir(parents=True)
    shutil.copy(EXERCISE, source)
    return tmp_path


def nbgrader(course, *arguments):
    command = [sys.executable, "-m", "nbgrader", *arguments]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(command, cwd=course, env=os.environ | {"PATH": path},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def submit(course, student, answer, tampered=False):
    """Hand in the released notebook with an answer; tampered: with a check that always pays."""
    notebook = nbformat.read(course / "release/week1" / EXERCISE.name, as_version=4)
    for cell in notebook.cells:
        kind = cell.metadata.get("nbgrader", {})
        if kind.get("solution"):
            assert "YOUR CODE HERE" in cell.source
            cell.source = answer
        if kind.get("grade") and tampered:
            cell.source = "8"
    folder = course / "submitted" / student / "week1"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / EXERCISE.name)


@pytest.mark.slow
def test_scores_are_earned_and_feedback_names_the_mistake(course):
    nbgrader(course, "generate_assignment", "week1", "--create")
    submit(course, "ann", STEP)
    submit(course, "bob", MISTAKEN)
    submit(course, "eve", MISTAKEN, tampered=True)
    nbgrader(course, "autograde", "week1", "--create")
    nbgrader(course, "generate_feedback", "week1")
    nbgrader(course, "export")
    with open(course / "grades.csv", encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"ann": 8, "bob": 4, "eve": 4}
    feedback = course / "feedback/bob/week1" / EXERCISE.with_suffix(".html").name
    assert "without the input gate" in feedback.read_text("utf-8")
