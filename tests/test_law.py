"""The law for growth: which room may know of which, and how large a signature may get."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "tinyrec"
FORBIDDEN = {  # what a room must not import, at any depth of its own files
    "model": "settings recommender preprocess datasets fast train results content explain live "
    "lab coursework store errors",
    "train": "results explain content live lab coursework recommender",
    "recommender.py": "explain live lab coursework",
}


def rooms_imported(file):
    """The rooms of this package that a file imports: {"model", …}."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = file.parents[node.level - 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                target = (folder / name.replace(".", "/")).relative_to(PACKAGE)
                found.add(target.parts[0])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinyrec"):
            found |= set(node.module.split(".")[1:2])
    return found


def test_no_room_imports_what_the_law_forbids():
    for room, forbidden in FORBIDDEN.items():
        path = PACKAGE / room
        for file in [path] if path.suffix else sorted(path.glob("*.py")):
            wrong = rooms_imported(file) & set(forbidden.split())
            assert not wrong, f"{file.relative_to(PACKAGE)} imports {', '.join(wrong)}"


def test_the_law_would_see_a_forbidden_import():
    assert "results" in rooms_imported(PACKAGE / "recommender.py")
    assert "train" in rooms_imported(PACKAGE / "recommender.py")


def test_no_function_outside_the_layers_has_more_than_seven_parameters():
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.parent.name in ("model", "fast"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = [a.arg for a in node.args.args + node.args.kwonlyargs if a.arg != "self"]
                assert len(names) <= 7, f"{file.relative_to(PACKAGE)}: {node.name}{tuple(names)}"
