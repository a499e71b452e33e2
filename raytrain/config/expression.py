"""Expressions and ranges over the number in a file name, such as `(N+1)//2` and `1-428`."""

import ast
import operator
import re
from collections.abc import Callable

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LAST_NUMBER = re.compile(r"\d+(?=\D*\Z)")


def parse_expression(text: str) -> Callable[[str], int]:
    """Return a function from a file name to the value of the expression.

    `N` is the last number in the name. An expression may contain N, whole numbers, parentheses and
    + - * // %. Raises ValueError for anything else. The returned function raises ValueError for a
    name without a number.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise ValueError(f"{text!r} is not an expression; write one such as (N+1)//2") from None
    _check(tree, text)

    def value_of(name: str) -> int:
        try:
            return _evaluate(tree, name)
        except ZeroDivisionError:
            raise ValueError(
                f"{text!r} divides by zero for the name {name!r}; correct the expression"
            ) from None

    return value_of


def number_in(name: str) -> int:
    """Return N, the last number in a name. Raises ValueError when there is none."""
    last = _LAST_NUMBER.search(name)
    if last is None:
        raise ValueError(
            f"the name {name!r} contains no number; rename the file, or choose another rule"
        )
    return int(last[0])


def with_number(name: str, number: int) -> str:
    """Return the name with `number` as its last number, padded with zeros to the old width."""
    return _LAST_NUMBER.sub(lambda last: f"{number:0{len(last[0])}d}", name)


def without_number(name: str) -> str:
    """Return the name without its last number. Raises ValueError when there is none."""
    number_in(name)
    return _LAST_NUMBER.sub("", name)


def parse_ranges(text: str) -> list[range]:
    """Return the ranges in a text such as `1-20, 31`. Raises ValueError for any other text."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not match:
            raise ValueError(f"{text!r} is not a list of ranges; write one such as 1-20, 31-40")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first:
            raise ValueError(
                f"{text!r}: the range {part.strip()} runs backwards; write its ends in order"
            )
        found.append(range(first, last + 1))
    return found


def _check(node: ast.expr, text: str) -> None:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        if isinstance(node.op, ast.FloorDiv | ast.Mod) and ast.unparse(node.right) == "0":
            raise ValueError(f"{text!r} divides by zero; correct it")
        _check(node.left, text)
        _check(node.right, text)
    elif not (
        (isinstance(node, ast.Name) and node.id == "N")
        or (isinstance(node, ast.Constant) and type(node.value) is int)
    ):
        raise ValueError(f"{text!r}: only N, whole numbers, ( ) and + - * // % may be used")


def _evaluate(node: ast.expr, name: str) -> int:
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, name), _evaluate(node.right, name))
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return node.value
    return number_in(name)
