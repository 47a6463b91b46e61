"""Notebooks are not run for their marks: tinyrec judges the cells, in a process of its own."""

from functools import partial

from tinyrec.coursework.marks import marked

HINTS = 0  # points that each hint costs

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "tinyrec"
c.Autograde.autograde_preprocessors = [
    partial(marked, hints=HINTS),
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
