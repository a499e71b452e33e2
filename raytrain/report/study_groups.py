"""How a study's choices are divided between panels, so that a reader can distinguish all of
them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from raytrain.report.palette import INK, SERIES_COLOURS
from raytrain.report.study_table import Choice, StudyTable

SOURCE = "the source's figure"
MOST_LINES = 8
"""Largest number of choices in one panel. Each of them has its own color and dash."""
FEW = 3
"""Smallest mean number of choices per panel at which a factor divides them."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Group:
    """Choices of a study that are drawn in the same panel."""

    title: str
    choices: list[Choice]


def by_loss(table: StudyTable, choices: list[Choice]) -> list[Group]:
    """Return groups of choices, each with a single loss, because different losses have different
    scales."""
    parts = parted(choices, lambda choice: choice.loss)
    return [
        group
        for loss, part in parts.items()
        for group in divided(table, part, f"loss: {loss}" if len(parts) > 1 else "")
    ]


def divided(table: StudyTable, choices: list[Choice], title: str) -> list[Group]:
    """Return groups of at most `MOST_LINES` choices. They are divided by the values of one factor
    or, if no factor divides them into few groups, in the order of their results."""
    if len(choices) <= MOST_LINES:
        return [Group(title, choices)] if choices else []
    ways = [
        (len(parts), place, parts)
        for place in range(len(table.factors))
        if len(parts := parted(choices, lambda choice: choice.labels[place])) > 1  # noqa: B023
        and max(map(len, parts.values())) <= MOST_LINES
        and len(choices) >= FEW * len(parts)
    ]
    if not ways:
        chunks = paged(choices, MOST_LINES)
        starts = [sum(map(len, chunks[:place])) for place in range(len(chunks))]
        names = [
            f"places {start + 1} to {start + len(chunk)}"
            for start, chunk in zip(starts, chunks, strict=True)
        ]
    else:
        _, place, parts = min(ways, key=lambda way: way[:2])
        chunks = list(parts.values())
        names = [f"{table.names[place]} = {label}" for label in parts]
    return [
        Group(f"{title}, {name}" if title else name, chunk)
        for name, chunk in zip(names, chunks, strict=True)
    ]


def varying(table: StudyTable, choices: Sequence[Choice]) -> list[int]:
    """Return the positions of the factors in which these choices differ; all positions if the
    choices are equal."""
    every = range(len(table.factors))
    return [p for p in every if len({choice.labels[p] for choice in choices}) > 1] or [*every]


def entry(choice: Choice, places: Sequence[int]) -> str:
    """Return the choice's values of these factors as one text."""
    return ", ".join(shortened(choice.labels[place]) for place in places)


def styles(entries: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return a line style for each different entry of a legend."""
    looks = [
        {"color": color, "linestyle": dash}
        for dash in ("-", (0, (4, 1.5)), (0, (1, 1)))
        for color in (*SERIES_COLOURS, INK)
    ]
    return {name: looks[place % len(looks)] for place, name in enumerate(dict.fromkeys(entries))}


def named_columns(table: StudyTable, choice: Choice) -> dict[str, str]:
    """Return the choice's values as text: factor -> label."""
    return dict(zip(table.factors, choice.labels, strict=True))


def shortened(text: str, most: int = 30) -> str:
    """Return the text. If it is longer than `most` characters, its middle is left out."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}\u2026{text[-half:]}"


def parted(items: Sequence[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Return the items grouped by `key`, as key -> items. Keys are in the order in which they first
    appear."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def paged(items: Sequence[T], most: int) -> list[list[T]]:
    """Return the items in as few parts as possible. The parts have about equal lengths of at most
    `most`."""
    parts = np.array_split(np.arange(len(items)), -(-len(items) // most)) if items else []
    return [[items[place] for place in part] for part in parts]
