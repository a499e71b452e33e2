"""The statements of Python files, for rules that a machine can check."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def statements(path: Path) -> tuple[ast.stmt, ...]:
    """Every statement of a file, also inside functions and classes."""
    return tuple(_below(ast.parse(path.read_text(encoding="utf-8"))))


def _below(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _below(child)
