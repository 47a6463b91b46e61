"""The exercise notebooks and the examiner go together."""

import re
from pathlib import Path

import pytest
from test_check import OTHER_STYLE

from tinyrec.coursework import check
from tinyrec.coursework.exercises import EXERCISES

nbformat = pytest.importorskip("nbformat", reason="Jupyter is not installed")

FOLDER = Path(__file__).parents[2] / "notebooks/exercises"
NOTEBOOKS = {path.stem[3:].replace("-", "_"): path for path in FOLDER.glob("*.ipynb")}
each = pytest.mark.parametrize("name", EXERCISES)


def run(name, answer=None):
    """The namespace after all cells have run, the answer in the place of what is to be written."""
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            is_answer = cell.id == "answer" and answer
            exec(compile(answer if is_answer else cell.source, cell.id, "exec"), found)
    return found


def test_every_exercise_has_its_notebook():
    assert sorted(NOTEBOOKS) == sorted(EXERCISES)


@each
def test_the_empty_notebook_runs_and_gets_a_friendly_word(name):
    verdict = run(name)["verdict"]
    assert verdict.points == 0
    assert "still empty" in verdict.messages[0][1]


@each
def test_a_solution_in_the_answer_cell_gets_all_points(name, capsys):
    found = run(name, OTHER_STYLE[name])
    assert found["verdict"].passed
    layers = ("lstm", "attention", "scorer", "gru", "coupled", "additive", "bpr", "layernorm")
    assert ("just recommended" in capsys.readouterr().out) == (name in layers)


@each
def test_nbgrader_finds_the_answer_and_the_points(name):
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    answer, graded = (cells[id].metadata["nbgrader"] for id in ("answer", "check"))
    assert answer["solution"] and not answer["grade"] and not answer["locked"]
    assert graded["grade"] and graded["locked"] and not graded["solution"]
    most = sum(part.points for part in EXERCISES[name].parts)
    assert graded["points"] == most
    assert f"{most} points" in cells["m1"].source
    assert cells["check"].source.endswith("verdict.points")
    source = cells["answer"].source
    assert source.count("### BEGIN SOLUTION") == source.count("### END SOLUTION") > 0
    assert cells["m2"].source.count("<details>") == 3
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)


@each
def test_the_notebook_names_what_the_examiner_asks_for(name):
    source = "\n".join(cell.source for cell in nbformat.read(NOTEBOOKS[name], 4).cells)
    for due in EXERCISES[name].functions:
        assert re.search(rf"^(def|class) {due}\b", source, re.M)
    with pytest.raises(Exception, match="asks for"):
        check(name)
