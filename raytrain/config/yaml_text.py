"""A YAML reader. It reads 3e-4 as a number, and refuses duplicate keys and aliases that expand
without end."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

MOST_VALUES = 100_000
"""Largest number of values that a text may hold. A value counts as often as aliases repeat it."""

MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Reads 3e-4 as a number, which YAML 1.1 reads as a word."""

    def __init__(self, text: str):
        super().__init__(text)
        self.twice: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                continue  # the constructor refuses it
            if key in lines:
                again = f"in line {lines[key]} and again in line {line}"
                self.twice.append(f"key {key!r} is {again}; keep one")
            lines[key] = line
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_yaml(source: str, text: str) -> Any:
    """Return the value of a YAML text; None for an empty text. Raises ValueError that names
    `source` and the line with the problem."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MOST_VALUES:
            raise ValueError(f"its aliases expand to more than {MOST_VALUES} values")
        value = loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{source}: not valid YAML: {error}; correct it") from None
    except RecursionError:
        raise ValueError(
            f"{source}: not valid YAML: it is nested too deeply; remove some of the levels"
        ) from None
    finally:
        loader.dispose()
    if loader.twice:
        raise ValueError("\n".join(f"{source}: {problem}" for problem in loader.twice))
    return value


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values in a node. Raises ValueError when the node contains itself."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1  # used if the node contains itself
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = [part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in inner)
    return known[id(node)]
