"""A value for the YAML with the reason for it, and a question that only a person can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raytrain.runs.messages import counted


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


def no_test() -> Question:
    """Return the question where the test images are."""
    return Question(
        "competition.format.test_image",
        "every image has a mask; where are the test images?",
        (
            Candidate('test_image: "test/{name}.png"', "write their path below the folder"),
            Candidate(
                "splits: {name: ranges, train: 1-80, test: 81-100}", "by the numbers in their names"
            ),
        ),
    )


def without_masks(count: int) -> tuple[dict[str, Said], tuple[Question, ...]]:
    """Return the key `unlisted` of the format, and the question what it means that `count` images
    have no mask; both are empty if each image has one."""
    if not count:
        return {}, ()
    without = f"{counted(count, 'image')} without a mask"
    question = Question(
        "competition.format.unlisted",
        f"{without} beside the others: what does this mean?",
        (
            Candidate("unlisted: unlabelled", "nobody annotated them; they are not used"),
            Candidate("unlisted: empty", "they show no object; their masks are background"),
        ),
    )
    return {"unlisted": Said("unlabelled", without)}, (question,)
