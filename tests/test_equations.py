"""The equations page and the code say the same, line by line."""

import re
from pathlib import Path

from tinyrec.coursework.exercises import EXERCISES
from tinyrec.model import content, network

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "notebooks/equations.md").read_text("utf-8")
FILES = [*sorted((ROOT / "tinyrec/model").glob("*.py")), ROOT / "tinyrec/train/adam.py"]
MARK = re.compile(r"(∂?)\((\d+)\)(?:–∂?\((\d+)\))?")


def marks(text):
    """{(sign, number)} of a comment such as "(6)", "∂(7), ∂(5)" or "(2)–(5)"."""
    return {
        (sign, number)
        for sign, first, last in MARK.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def marked_lines():
    """{file name: {line: its marks}} of the code."""
    found = {}
    for file in FILES:
        lines = enumerate(file.read_text("utf-8").splitlines(), start=1)
        comments = {line: re.search(r"# (∂?\(\d+\).*)$", text) for line, text in lines}
        found[file.name] = {line: marks(c[1]) for line, c in comments.items() if c}
    return found


def sections():
    """{number: text of its section}; the text goes on to the next equation's heading."""
    parts = re.split(r"^### \((\d+)\) ", PAGE, flags=re.M)
    return dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))


def links():
    """(file name, line said, line linked to) of each link to a line."""
    pattern = r"\[(\w+\.py):(\d+)\]\(\.\./tinyrec/\w+/\w+\.py#L(\d+)\)"
    return [(name, int(said), int(to)) for name, said, to in re.findall(pattern, PAGE)]


def test_every_marked_line_is_linked_and_every_link_leads_to_a_marked_line():
    code = marked_lines()
    linked = {(name, to) for name, _, to in links()}
    marked = {(name, line) for name, lines in code.items() for line in lines}
    missing = [f"{name}:{line} {sorted(code[name][line])}" for name, line in marked - linked]
    stale = [f"{name}:{line}" for name, line in linked - marked]
    assert not missing and not stale, (
        f"not linked by equations.md: {sorted(missing)}; linked, but no equation: {sorted(stale)}"
    )
    assert all(said == to for _, said, to in links())


def test_a_link_stands_in_the_section_of_its_equation():
    code = marked_lines()
    for number, section in sections().items():
        covered = set(range(2, 8)) if number == 7 else {number}  # (7) has all the gates' gradients
        for name, line in re.findall(r"\[(\w+\.py):(\d+)\]", section):
            assert covered & {n for _, n in code[name][int(line)]}, (number, name, line)


def test_every_equation_of_the_model_links_its_line_and_its_gradient():
    code = marked_lines()
    text = sections()
    for number in [*range(14), *range(33, 36)]:
        section = text[number] + (text[7] if number in range(2, 7) else "")
        linked = re.findall(r"\[(\w+\.py):(\d+)\]", section)
        said = set().union(*(code[name][int(line)] for name, line in linked))
        assert {("", number), ("∂", number)} <= said, number


def test_every_equation_has_a_formula_and_a_chinese_name():
    text = sections()
    assert sorted(text) == [*range(17), *range(33, 36)]
    for number, section in text.items():
        assert section.count("$$") >= 2, number
        assert re.search(r"[\u4e00-\u9fff]", section.splitlines()[0]), number


def test_every_parameter_is_in_the_table_of_symbols():
    table = [line.split("|")[2] for line in PAGE.splitlines() if line.startswith("| ")]
    names = set(re.findall(r"`(\w+)`", " ".join(table)))
    assert network.PARAMETERS.keys() | content.PARAMETERS.keys() <= names


def test_every_equation_of_an_exercise_is_found_from_the_page():
    rows = re.findall(r"^\| \((\d+)\)(?:–\((\d+)\))? .*\]\((exercises/.*)\) \|$", PAGE, flags=re.M)
    for first, last, notebook in rows:
        text = (ROOT / "notebooks" / notebook).read_text("utf-8")
        for number in range(int(first), int(last or first) + 1):
            assert f"({number})" in text, (number, notebook)
    covered = [n for a, b, _ in rows for n in range(int(a), int(b or a) + 1)]
    asked = {m.equation for e in EXERCISES.values() for m in e.mistakes if m.equation}
    assert covered == sorted(n for n in asked if n > 16)
