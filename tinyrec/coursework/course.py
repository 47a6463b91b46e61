"""A term's course: its plan, what is handed out, what marks it, and how far somebody is.

    tinyrec course                          the plan of ten weeks, as in notebooks/teaching.md
    tinyrec course new DIR [--seed N]       notebooks, and a file to fill in for each exercise
    tinyrec course grading DIR [--seed N]   nbgrader's folder and Gradescope's zips
    tinyrec course solutions DIR            as new, filled in; only where the repository is
    tinyrec course progress DIR             what of a folder is done, and what is next
"""

import json
import posixpath
import re
import tomllib
import zipfile
from functools import cache, partial
from importlib.metadata import requires
from pathlib import Path

from ..datasets import shop
from ..errors import InputError
from .check import check_file, exercise_of
from .exercises import EXERCISES, named_in

PACKAGE = Path(__file__).parents[1]
GRADING = Path(__file__).with_name("grading")  # as the tools want it; @WORDS@ are filled in
BESIDE = PACKAGE if (PACKAGE / "notebooks").is_dir() else PACKAGE.parent  # a wheel; a repository
NOTEBOOKS = BESIDE / "notebooks"
SOLUTIONS = PACKAGE.parent / "tests/coursework/solutions"
LINK = re.compile(r"(\]\(|src=\\?\")((?!https?:)[^)\"\\#]+)")
HINT = re.compile(r"<summary>Hint \d</summary>\s*(.*?)\s*</details>", re.S)


@cache
def tables():
    """{"week": …, "exercise": …} of course.toml."""
    return tomllib.loads(Path(__file__).with_name("course.toml").read_text("utf-8"))


def numbered(name):
    """An exercise with its place in the order, as in ("05", "lstm")."""
    return f"{list(EXERCISES).index(name) + 1:02}", name


def plan():
    """Weeks, and what to know of each exercise, as Markdown."""
    lines = weeks()
    for entry in tables()["exercise"]:
        exercise = EXERCISES[entry["name"]]
        said = {mistake.id: mistake.text["en"] for mistake in exercise.mistakes}
        most = sum(part.points for part in exercise.parts)
        lines += ["", f"### {' '.join(numbered(exercise.name))}: {entry['points']} of 100", ""]
        lines.append(f"{entry['aim'].capitalize()}. Difficulty {entry['difficulty']} of 5; the "
                     f"examiner gives up to {most} points. Usual failures, in its words:\n")
        lines += [f"- {said[failure]}" for failure in entry["failures"]]
        lines += ["", f"Marking: {entry['marking']}"]
    return "\n".join(lines)


def weeks():
    lines = ["| week | hours | lessons | exercises (points of 100) | needs |",
             "| --- | --- | --- | --- | --- |"]
    for number, week in enumerate(tables()["week"], start=1):
        due = [f"{entry['name']} ({entry['points']})" for entry in tables()["exercise"]
               if entry["week"] == number]
        lines.append(f"| {number} {week['title']} | {week['hours']} | {', '.join(week['lessons'])}"
                     f" | {', '.join(due)} | {week['needs']} |")
    return lines


def hint(name, number):
    """The hint of this number, from 1 on, and what it costs."""
    exercise_of(name)
    texts = HINT.findall(cell(notebook(name)[1], "m2"))
    if not 1 <= number <= len(texts):
        raise InputError(f"hint {number}: {name} has hints 1 to {len(texts)}")
    cost = (f"Hint {number} of {len(texts)}. Where your teacher counts hints, each costs points: "
            f"write HINTS = {number} into your solution.")  # fmt: skip
    return f"{texts[number - 1]}\n\n{cost}"


def notebook(name):
    """(the path of an exercise's notebook, its content)."""
    path = NOTEBOOKS / f"exercises/{'-'.join(numbered(name)).replace('_', '-')}.ipynb"
    return path, json.loads(path.read_text("utf-8"))


def cell(content, id, source=None):
    """The source of a notebook's cell, which becomes `source` if that is given."""
    found = next(cell for cell in content["cells"] if cell["id"] == id)
    if source is not None:
        found["source"] = source.splitlines(keepends=True)
    return "".join(found["source"])


def new(to, seed=None, answers=None):
    """Write what is handed out; answers: {exercise: what stands in the place of its stub}."""
    to, answers = empty(to), answers or {}
    option = "" if seed is None else f" --seed {seed}"
    (to / "exercises").mkdir()
    page = Path(__file__).with_name("handed_out.md").read_text("utf-8")
    write(to / "README.md", page.format(seed=option, plan="\n".join(weeks())))
    for path in sorted(NOTEBOOKS.rglob("*")):
        at = path.relative_to(NOTEBOOKS)
        if path.suffix in (".ipynb", ".md") and path.name != "teaching.md":
            write(to / "notebooks" / at, with_links(path.read_text("utf-8"), at, to))
        elif path.suffix == ".png":
            write(to / "notebooks" / at, path.read_bytes())
    for name in EXERCISES:
        path, content = notebook(name)
        title = cell(content, "m1").partition("\n")[0].strip("# ")
        answer = answers.get(name) or f'"""{title}"""\n\n' + stub(content)
        write(to / f"exercises/{'_'.join(numbered(name))}.py", answer)
        if name in answers:
            marked = f"### BEGIN SOLUTION\n{answer}### END SOLUTION"
            cell(content, "answer", marked)
        at = path.relative_to(NOTEBOOKS)
        write(to / "notebooks" / at, with_links(seeded(content, seed), at, to))


def stub(content):
    """An exercise's imports and signatures, whose bodies raise NotImplementedError."""
    imports = [line for line in cell(content, "c1").splitlines() if "tinyrec" not in line]
    body = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", cell(content, "answer"))
    return "\n".join(imports).strip() + "\n\n\n" + body.strip() + "\n"


def seeded(content, seed):
    """The notebook's text, whose check draws the cases of a seed."""
    if seed is not None:
        judging = cell(content, "check")
        cell(content, "check", re.sub(r'(check\("\w+", )', rf"\1seed={seed}, ", judging))
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def with_links(text, at, to):
    """The text of the file `at` in notebooks, whose links into the package lead to sources/."""
    folder = posixpath.join("notebooks", at.parent.as_posix())
    rooms = {"tinyrec": PACKAGE, "data": shop.FOLDER}

    def led(match):
        start, link = match.groups()
        target = posixpath.normpath(posixpath.join(folder, link))
        room, _, rest = target.partition("/")
        if room not in rooms:
            return match[0]
        place = rooms[room] / rest
        for file in [place] if place.is_file() else place.glob("*.py"):
            write(to / "sources" / room / file.relative_to(rooms[room]), file.read_bytes())
        return start + posixpath.relpath(f"sources/{target}", folder)

    return LINK.sub(led, text)


def grading(to, seed=None, hints=0):
    """nbgrader's folder, and a zip for each exercise that Gradescope takes.

    hints: the points that each hint costs.
    """
    to = empty(to)
    configured = (GRADING / "nbgrader_config.py").read_text("utf-8")
    write(to / "nbgrader/nbgrader_config.py", configured.replace("HINTS = 0", f"HINTS = {hints}"))
    needed = [one for one in requires("tinyrec") or () if "extra ==" not in one]
    given = "" if seed is None else f"--seed {seed}"
    given += f" --count-hints {hints}" if hints else ""
    filled = {"PACKAGES": " ".join(f"'{one}'" for one in needed), "OPTIONS": given}
    for entry in tables()["exercise"]:
        path, content = notebook(entry["name"])
        source = to / f"nbgrader/source/week{entry['week']:02}" / path.name
        write(source, seeded(content, seed))
        zipped(to / f"gradescope/{path.stem}.zip", filled | {"NAME": entry["name"]})


def zipped(path, filled):
    """Gradescope's two programs, @WORDS@ filled in, and the package that they need."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("setup.sh", "run_autograder"):
            text = (GRADING / name).read_text("utf-8")
            about = zipfile.ZipInfo(name)
            about.external_attr = 0o755 << 16  # to be run
            file.writestr(about, re.sub("@([A-Z]+)@", lambda word: filled[word[1]], text))
        for entry in sorted(PACKAGE.rglob("*")):
            at = entry.relative_to(PACKAGE.parent)
            if entry.is_file() and not {"__pycache__", "notebooks"} & set(at.parts):
                file.write(entry, at)


def solutions(to, seed=None):
    """As `new`, with the instructor's solutions."""
    if not SOLUTIONS.is_dir():
        raise InputError("solutions: only the repository has them, not what is installed from it")
    new(to, seed, {name: (SOLUTIONS / f"{name}.py").read_text("utf-8") for name in EXERCISES})


def run(action, folder, seed=None, hints=0):
    """What `tinyrec course` prints, line by line, once it is done."""
    if action is None:
        yield plan()
        return
    if folder is None:
        raise InputError(f"course {action} needs a folder")
    if action == "progress":
        yield from progress(folder, seed)
        return
    write = {"new": new, "solutions": solutions, "grading": partial(grading, hints=hints)}[action]
    write(folder, seed)
    yield f"written: {folder}"


def progress(folder, seed=None):
    """Lines on what is done of the course's 100 points, and what is next."""
    files = sorted(Path(folder).rglob("*.py"))
    own = [path for path in files if "sources" not in path.relative_to(folder).parts]
    found = {named_in(path): path for path in own if named_in(path)}
    if not found:
        raise InputError(f"{folder}: no file there is named after an exercise, as in 05_lstm.py")
    total, left = 0.0, None
    for entry in tables()["exercise"]:
        name, most = entry["name"], entry["points"]
        verdict = check_file(name, found[name], seed=seed) if name in found else None
        earned = most * verdict.points / verdict.max_points if verdict else 0.0
        total += earned
        done = "done" if verdict and verdict.passed else ""
        yield f"{done:<5}{name:<13}{earned:>5.1f} of {most}" + ("" if verdict else "  no file")
        if left is None and not done:
            left = f"next: {name}" + (f": {verdict.messages[0][1]}" if verdict else "")
    yield f"{total:.1f} of 100 points\n{left or 'nothing is left to do'}"


def empty(folder):
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already, and not empty: name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
