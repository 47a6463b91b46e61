"""The step-through notebooks run, stay small, and are kept without outputs."""

import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="Jupyter is not installed")
nbclient = pytest.importorskip("nbclient", reason="Jupyter is not installed")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_none_of_them_is_missing():
    numbers = range(1, 16)
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in numbers]


@each
def test_cells_are_few_and_short_and_hold_no_outputs(path):
    cells = code(nbformat.read(path, as_version=4))
    assert 5 <= len(cells) <= 12
    for cell in cells:
        assert len(cell.source.splitlines()) <= 15, cell.source
        assert cell.outputs == [] and cell.execution_count is None


@each
def test_it_begins_with_its_title_and_its_links_lead_to_files(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source.startswith(f"# {path.name[:2]} · ")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


@pytest.mark.slow
@each
def test_it_runs_and_draws_its_pictures(path, monkeypatch):
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    notebook = nbformat.read(path, as_version=4)
    runner = nbclient.NotebookClient(
        notebook, timeout=240, startup_timeout=240, kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )  # fmt: skip
    runner.execute()
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    drawings = [cell for cell in code(notebook) if cell.source.endswith("\ndrawing")]
    assert len(pictures) == len(drawings) >= 1
