"""What the README says is there is there."""

import re
from pathlib import Path

import pytest

from tinyrec.commands import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
NOTEBOOKS = (ROOT / "notebooks/README.md").read_text("utf-8")
FIGURES = (ROOT / "FIGURES.md").read_text("utf-8")


def equation_rows():
    """(numbers, file) of each row of the table of equations."""
    for line in NOTEBOOKS.splitlines():
        row = re.match(r"\| \((\d+)\)(?:–\((\d+)\))? \|.*\]\(\.\./(tinyrec/\S+\.py)\) \|$", line)
        if row:
            first, last, file = row.groups()
            yield range(int(first), int(last or first) + 1), file


def test_every_equation_of_the_table_stands_in_its_file_with_its_gradient():
    rows = list(equation_rows())
    assert [number for numbers, _ in rows for number in numbers] == list(range(17))
    for numbers, file in rows:
        code = (ROOT / file).read_text("utf-8")
        marks = re.findall(r"# (∂?)\((\d+)\)(?:–∂?\((\d+)\))?", code)
        said = {
            (sign, number)
            for sign, first, last in marks
            for number in range(int(first), int(last or first) + 1)
        }
        for number in numbers:
            assert ("", number) in said, (file, number)
            assert number > 13 or ("∂", number) in said, (file, number)


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README + FIGURES)
    assert links
    links += [f"notebooks/{link}" for link in re.findall(r"\]\((?!http)([^)#]+)\)", NOTEBOOKS)]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_command_is_one_that_the_command_line_knows():
    commands = set(re.findall(r"(?m)(?:^    |`|bin/)tinyrec ([a-z]+)\b", README + FIGURES))
    assert {"train", "recommend", "explain"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as left:
            parser().parse_args([command, "--help"])
        assert left.value.code == 0, command


def test_the_readme_can_be_read_in_two_minutes():
    assert len(README.splitlines()) <= 150
