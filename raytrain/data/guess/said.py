"""A value for the YAML with the reason for it, and a question that only a person can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """A value for the YAML, and the reason for it."""

    value: Any
    why: str
    """The reason. Each line of it becomes a comment of its own."""


@dataclass(frozen=True)
class Candidate:
    """One possible answer to a question."""

    line: str
    """The value as YAML, in one line."""
    seen: str
    """What in the files speaks for this answer."""


@dataclass(frozen=True)
class Question:
    """A question that the files do not answer."""

    key: str
    """The dotted key in the YAML. The YAML holds the first candidate."""
    text: str
    candidates: tuple[Candidate, ...]

    def __str__(self) -> str:
        lines = [f"{self.key}: {self.text}"]
        return "\n".join(
            [*lines, *(f"    {each.line}    # {each.seen}" for each in self.candidates)]
        )


Tree = Mapping[str, "Said | Tree"]
"""Keys of a YAML in their order."""


def plain(tree: Tree) -> dict[str, Any]:
    """Return the values of a tree without the reasons, as nested dicts."""
    return {
        key: node.value if isinstance(node, Said) else plain(node) for key, node in tree.items()
    }
