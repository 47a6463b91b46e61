"""The teacher's folder: a plan that adds up, what is handed out, and what marks it."""

import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_check import LSTM, OTHER_STYLE, functions_of

from tinyrec.__main__ import main
from tinyrec.coursework import check, course
from tinyrec.coursework.exercises import EXERCISES

REPOSITORY = Path(__file__).parents[2]
WRONG = LSTM.replace("dh[:, t] + back", "dh[:, t]")


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("term") / "week one"
    course.new(folder, seed=7)
    return folder


def test_the_plan_has_a_hundred_points_and_leaves_out_nothing():
    tables = course.tables()
    assert sum(entry["points"] for entry in tables["exercise"]) == 100
    assert [entry["name"] for entry in tables["exercise"]] == list(EXERCISES)
    assert len(tables["week"]) == 10
    assert {entry["week"] for entry in tables["exercise"]} == set(range(1, 11))
    lessons = [lesson for week in tables["week"] for lesson in week["lessons"]]
    assert sorted(lessons) == sorted(path.name[:2] for path in course.NOTEBOOKS.glob("*.ipynb"))


def test_the_page_for_teachers_holds_the_plan_that_the_command_prints(capsys):
    assert main(["course"]) == 0
    page = (course.NOTEBOOKS / "teaching.md").read_text("utf-8")
    assert page.endswith(capsys.readouterr().out), "tinyrec course prints another plan"


@pytest.mark.parametrize("name", EXERCISES)
def test_each_starter_file_has_the_signatures_and_is_still_empty(name, handed_out):
    file = next((handed_out / "exercises").glob(f"*_{name}.py"))
    verdict = check(name, **functions_of(name, file.read_text("utf-8")))
    assert verdict.points == 0 and "still empty" in verdict.messages[0][1]


def test_every_link_leads_somewhere_outside_the_repository(handed_out):
    pages = [path for path in handed_out.rglob("*") if path.suffix in (".md", ".ipynb")]
    assert len(pages) > 30
    for page in pages:
        links = re.findall(r"\]\(([^)#\s]+)[)#]|src=\\?\"([^\"\\]+)", page.read_text("utf-8"))
        for link in (one or other for one, other in links):
            at = posixpath.normpath(posixpath.join(page.parent, link))
            assert link.startswith("http") or Path(at).exists(), (page, link)
            assert link.startswith("http") or at.startswith(str(handed_out)), (page, link)


def test_what_is_handed_out_is_seeded_and_holds_no_solution(handed_out):
    for name in EXERCISES:
        at = handed_out / course.notebook(name)[0].relative_to(course.NOTEBOOKS.parent)
        content = json.loads(at.read_text("utf-8"))
        assert f'check("{name}", seed=7, ' in course.cell(content, "check")
    text = "\n".join(path.read_text("utf-8") for path in handed_out.rglob("exercises/*"))
    assert OTHER_STYLE["gru"][-300:-50] not in text
    assert not list(handed_out.rglob("teaching.md"))


def test_nothing_is_written_over(handed_out, capsys):
    assert main(["course", "new", str(handed_out)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main(["course", "new"]) == 2
    assert "needs a folder" in capsys.readouterr().err


def test_the_instructors_set_is_the_same_filled_in(tmp_path):
    assert main(["course", "solutions", str(tmp_path / "solved")]) == 0
    for name in EXERCISES:
        file = next((tmp_path / "solved/exercises").glob(f"*_{name}.py"))
        assert file.read_text("utf-8") == OTHER_STYLE[name]
    book = json.loads((tmp_path / "solved/notebooks/exercises/13-gru.ipynb").read_text("utf-8"))
    assert OTHER_STYLE["gru"] in course.cell(book, "answer")


def test_progress_says_what_is_done_and_what_is_next(tmp_path, capsys):
    (tmp_path / "03-lstm-step.py").write_text(OTHER_STYLE["lstm_step"], "utf-8")
    (tmp_path / "lstm.py").write_text(WRONG, "utf-8")
    assert main(["course", "progress", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "done lstm_step      4.0 of 4" in lines
    assert "     cleaning       0.0 of 5  no file" in lines
    assert lines[-2:] == ["7.8 of 100 points", "next: cleaning"]
    assert main(["course", "progress", str(tmp_path / "nowhere")]) == 2


def test_a_hint_says_its_cost_which_counts_only_where_asked(tmp_path, capsys):
    assert main(["check", "lstm", "--hint", "2"]) == 0
    said = capsys.readouterr().out
    assert "two things" in said and "HINTS = 2" in said and "Hint 2 of 3" in said
    assert main(["check", "lstm", "--hint", "4"]) == 2
    assert main(["check", "lstm"]) == 2
    file = tmp_path / "lstm.py"
    file.write_text(LSTM + "\nHINTS = 2\n", "utf-8")
    assert main(["check", "lstm", str(file)]) == 0
    assert "16 of 16" in capsys.readouterr().out
    results = tmp_path / "results.json"
    asked = ["check", "lstm", str(file), "--count-hints", "3", "--gradescope", str(results)]
    assert main(asked) == 0
    assert "10 of 16" in capsys.readouterr().out
    assert sum(test["score"] for test in json.loads(results.read_text())["tests"]) == 10


def test_a_file_that_is_watched_is_judged_at_every_save(tmp_path, monkeypatch, capsys):
    file = tmp_path / "lstm_step.py"
    file.write_text("def step(z, c_prev):\n    raise NotImplementedError\n", "utf-8")
    saves = [file.unlink, lambda: file.write_text(OTHER_STYLE["lstm_step"], "utf-8")]

    def sleep(seconds):
        if not saves:
            raise KeyboardInterrupt
        saves.pop(0)()

    clock = SimpleNamespace(sleep=sleep)
    monkeypatch.setattr(sys.modules[check.__module__], "time", clock)
    assert main(["check", "lstm_step", str(file), "--watch"]) == 130
    said = capsys.readouterr().out
    assert said.index("0 of 8") < said.index("8 of 8")


def installed(to):
    """A folder with what the wheel carries."""
    build = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    wheel = build["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        shutil.copytree(REPOSITORY / package, to / package)
    for source, at in wheel["force-include"].items():
        copy = shutil.copytree if (REPOSITORY / source).is_dir() else shutil.copy
        (to / at).parent.mkdir(exist_ok=True)
        copy(REPOSITORY / source, to / at)
    return to


def tinyrec(*arguments, site, cwd):
    return subprocess.run([sys.executable, "-m", "tinyrec", *arguments], cwd=cwd, text=True,
                          env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True,
                          check=False)  # fmt: skip


def test_what_is_installed_hands_out_a_course_without_the_repository(tmp_path, handed_out):
    site = installed(tmp_path / "site")
    done = tinyrec("course", "new", "mine", "--seed", "7", site=site, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = [{path.relative_to(folder) for path in folder.rglob("*")}
              for folder in (tmp_path / "mine", handed_out)]  # fmt: skip
    assert listed[0] == listed[1]
    done = tinyrec("course", "solutions", "none", site=site, cwd=tmp_path)
    assert done.returncode == 2 and "only the repository has them" in done.stderr


def test_a_notebook_is_marked_by_its_cells_whatever_they_do_to_the_examiner():
    nbformat = pytest.importorskip("nbformat")
    from tinyrec.coursework.marks import marked

    _, content = course.notebook("lstm_step")
    notebook = nbformat.reads(course.seeded(content, 7), as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    right = OTHER_STYLE["lstm_step"].replace("np.tanh(new) * o", "shown(new) * o")
    own = ["%matplotlib inline\n!ls\nshown = np.tanh", "1 / 0", "print(step)"]
    notebook.cells[2:2] = map(nbformat.v4.new_code_cell, own)
    trick = "\nclass check:\n    points = 8\n    __init__ = lambda *a, **k: None\n"
    for answer, points in ((right, "8"), (right.replace("g * i", "g") + trick, "4"),
                           ("HINTS = 2\n" + right, "6"), ("exit()", "0")):  # fmt: skip
        cells["answer"].source = answer
        marked(notebook, {}, hints=1)
        said, result = cells["check"].outputs
        assert result.data["text/plain"] == points, said
        assert f"{points} of 8 points" in said.text


@pytest.mark.slow
def test_gradescope_runs_its_zip(tmp_path):
    course.grading(tmp_path / "marking", seed=7, hints=1)
    zips = sorted((tmp_path / "marking/gradescope").glob("*.zip"))
    assert [path.stem[3:].replace("-", "_") for path in zips] == list(EXERCISES)
    place = tmp_path / "autograder"
    with zipfile.ZipFile(zips[list(EXERCISES).index("lstm_step")]) as file:
        file.extractall(place / "source")
        for about in file.infolist():  # as unzip does
            (place / "source" / about.filename).chmod(about.external_attr >> 16 & 0o777)
    shutil.copy(place / "source/run_autograder", place)
    assert os.access(place / "source/setup.sh", os.X_OK)
    (place / "env/bin").mkdir(parents=True)
    (place / "env/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (place / "env/bin/python").chmod(0o755)
    right = OTHER_STYLE["lstm_step"]
    wrong = right.replace("c * f + g * i", "c * f + g")
    for source, scores in (
        (right, [1, 1, 1, 1, 2, 2]), (wrong, [1, 1, 1, 1, 0, 0]),
        (right + "HINTS = 2\n", [1, 1, 1, 1, 2, 2, -2]), (None, [0] * 6),
    ):  # fmt: skip
        shutil.rmtree(place / "submission", ignore_errors=True)
        (place / "submission/src").mkdir(parents=True)
        if source:
            (place / "submission/src/my lstm_step.py").write_text(source, "utf-8")
        done = subprocess.run([str(place / "run_autograder")], cwd="/", check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        tests = json.loads((place / "results/results.json").read_text("utf-8"))["tests"]
        assert [test["score"] for test in tests] == scores
        (place / "results/results.json").unlink()
        if source == wrong:
            assert "without the input gate" in tests[4]["output"]


def test_gradescopes_image_gets_python_and_what_the_package_needs(tmp_path):
    filled = {"PACKAGES": "'numpy>=1.26' numba", "NAME": "adam", "OPTIONS": ""}
    course.zipped(tmp_path / "a.zip", filled)
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        setup = file.read("setup.sh").decode()
        assert "tinyrec/__main__.py" in file.namelist()
    said, bin = tmp_path / "said", tmp_path / "bin"
    bin.mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "source/setup.sh").write_text(setup)
    for name in ("apt-get", "python3.11"):
        (bin / name).write_text(f'#!/bin/sh\necho {name} "$@" >> "{said}"\nmkdir -p env/bin\n'
                                f'cp "{bin}/apt-get" env/bin/pip\n')  # fmt: skip
        (bin / name).chmod(0o755)
    path = os.pathsep.join([str(bin), os.environ["PATH"]])
    subprocess.run(["bash", str(tmp_path / "source/setup.sh")], check=True, cwd="/",
                   env=os.environ | {"PATH": path})  # fmt: skip
    lines = said.read_text().splitlines()
    assert "python3.11 -m venv env" in lines and lines[-1].endswith("install numpy>=1.26 numba")
