"""A value for the YAML with its reason, and a question that only a person can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """A value and why it is this one."""

    value: Any
    why: str
    """The reason; each line becomes a comment of its own."""


@dataclass(frozen=True)
class Candidate:
    """One possible answer."""

    line: str
    """The YAML to write, in one line."""
    seen: str
    """What speaks for it."""


@dataclass(frozen=True)
class Question:
    """What the files do not tell."""

    key: str
    """The dotted key in the YAML, which holds the first candidate."""
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
    """Return the values without the reasons."""
    return {
        key: node.value if isinstance(node, Said) else plain(node) for key, node in tree.items()
    }
