"""pytest --student FILE: a test for each part of the exercise that the file's name says."""

from pathlib import Path

import pytest

from .check import check_file
from .exercises import EXERCISES, named_in


def pytest_addoption(parser):
    text = f"judge a solution, whose name says of what: {', '.join(EXERCISES)}"
    parser.addoption("--student", metavar="FILE", help=text)


def pytest_configure(config):
    """With --student, nothing but that file is collected."""
    if config.option.student:
        config.args = [config.option.student]
        if not Path(config.option.student).is_file():
            raise pytest.UsageError(f"{config.option.student}: no such file")
        exercise_of(config.option.student)


def pytest_collect_file(file_path, parent):
    student = parent.config.option.student
    if student and file_path == Path(student).resolve():
        return StudentFile.from_parent(parent, path=file_path)


def exercise_of(path):
    name = named_in(path)
    if name is None:
        known = ", ".join(EXERCISES)
        raise pytest.UsageError(f"{path}: name the file after its exercise: {known}")
    return name


class StudentFile(pytest.File):
    def collect(self):
        verdict = check_file(exercise_of(self.path), self.path)
        for about, got, most in verdict.parts:
            part = Part.from_parent(self, name=about)
            part.verdict, part.passed = verdict, got == most
            yield part


class Part(pytest.Item):
    def runtest(self):
        assert self.passed

    def repr_failure(self, excinfo):
        return "\n".join(text for _, text in self.verdict.messages)

    def reportinfo(self):
        return self.path, None, f"{self.verdict.exercise}: {self.name}"
