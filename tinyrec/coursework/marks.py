"""nbgrader's marks. A notebook that was handed in is not run: its cells are judged as a file is.

What runs in a notebook's own process can put anything in the place of `check`, or of this package.
"""

import re
import tempfile
from pathlib import Path

from .check import check_file

ASKED = re.compile(r'check\("(\w+)", (?:seed=(\d+), )?')
TRIED = "try:\n    exec({!r})\nexcept Exception as error:\n    print(error)\n"


def marked(notebook, resources, hints=0):
    """The notebook, with the Verdict as the output of the cell that nbgrader gives points for.

    One of nbgrader's preprocessors; hints: points that each costs. It needs nbformat and IPython.
    """
    from nbformat.v4 import new_output

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    place = next(n for n, cell in enumerate(cells) if is_for("grade", cell))
    name, seed = ASKED.search(cells[place].source).groups()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.py")
        path.write_text(source_of(cells[:place]), "utf-8")
        verdict = check_file(name, path, seed=seed and int(seed), hints=hints)
    cells[place].outputs = [
        new_output("stream", text=f"{verdict}\n"),
        new_output("execute_result", {"text/plain": str(verdict.points)}),
    ]
    return notebook, resources


def is_for(purpose, cell):
    return cell.metadata.get("nbgrader", {}).get(purpose, False)


def source_of(cells):
    """Cells as one file. Where one fails that is not the answer, the next goes on, as there."""
    from IPython.core.inputtransformer2 import TransformerManager

    sources = [TransformerManager().transform_cell(cell.source) for cell in cells]
    return "\n".join(source if is_for("solution", cell) else TRIED.format(source)
                     for cell, source in zip(cells, sources, strict=True))  # fmt: skip
