"""The rules of CONTRIBUTING.md on sizes and names that a machine can check."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.source_code import statements

ROOT = Path(__file__).parents[2]
PACKAGE = sorted(ROOT.glob("raytrain/**/*.py"))


def nodes() -> Iterator[tuple[str, ast.stmt]]:
    """Every statement of the package, with its file."""
    for path in PACKAGE:
        for node in statements(path):
            yield str(path.relative_to(ROOT)), node


def test_files_have_at_most_250_lines() -> None:
    files = [*PACKAGE, *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    lines = {str(p.relative_to(ROOT)): p.read_text("utf-8").count("\n") for p in files}
    assert {path: count for path, count in lines.items() if count > 250} == {}


def test_functions_have_at_most_50_lines_and_8_parameters() -> None:
    long, wide = [], []
    for file, node in nodes():
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        given = node.args
        if (node.end_lineno or 0) - node.lineno + 1 > 50:
            long.append((file, node.name))
        if len(given.posonlyargs + given.args + given.kwonlyargs) > 8:
            wide.append((file, node.name))
    assert (long, wide) == ([], [])


def test_a_docstring_says_that_its_function_raises() -> None:
    silent = []
    for file, node in nodes():
        if not isinstance(node, ast.FunctionDef) or file.startswith("raytrain/cli/"):
            continue  # the docstrings of commands are their help
        text = ast.get_docstring(node)
        raised = [each for each in own(node) if isinstance(each, ast.Raise) and each.exc]
        if text and raised and not any(word in text for word in ("Raise", "Refuse", "Error")):
            silent.append((file, node.name))
    assert silent == []


def own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions inside it."""
    for each in ast.iter_child_nodes(node):
        if not isinstance(each, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield each
            yield from own(each)


def test_no_three_files_or_classes_have_one_name() -> None:
    names = Counter(path.name for path in PACKAGE if path.name != "__init__.py")
    classes = Counter(node.name for _, node in nodes() if isinstance(node, ast.ClassDef))
    assert [name for name, count in (names + classes).items() if count > 2] == []


def test_a_small_file_has_several_importers() -> None:
    """A station, a network and `__main__` are files of their own whatever their size."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE}
    importers: dict[str, set[str]] = {name: set() for name in names}
    for path in PACKAGE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in (node.module, *(f"{node.module}.{one.name}" for one in node.names)):
                    importers.get(name, set()).add(path.stem)
    alone = (ROOT / "raytrain/pipeline", ROOT / "raytrain/models", ROOT / "raytrain")
    small = [
        name
        for name, path in names.items()
        if path.name != "__init__.py"
        and path.parent not in alone
        and path.read_text("utf-8").count("\n") < 40
        and len(importers[name]) < 2
    ]
    assert small == []
