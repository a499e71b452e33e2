"""A study as a table: its choices, our figures, and the figures that the source states."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

from raytrain.runs.history import Row


@dataclass(frozen=True)
class Spread:
    """A measure over the repeats of one choice, at the best epoch of each."""

    values: tuple[float, ...]
    low: float | None
    """Lower end of the 95 % interval of the mean; None if there is no interval."""
    high: float | None

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def sd(self) -> float | None:
        """Standard deviation; None for a single repeat."""
        return stdev(self.values) if self.n > 1 else None

    @property
    def n(self) -> int:
        return len(self.values)


def in_words(at: dict[str, str]) -> str:
    """Return the value of each factor as one text. A number follows its factor's name, because it
    alone does not say what it is."""
    return ", ".join(
        f"{factor.rpartition('.')[2]} {value}" if _is_number(value) else value
        for factor, value in at.items()
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Choice:
    """One configuration of the study, with our results and the source's."""

    labels: tuple[str, ...]
    """The choice's value of each factor, as text."""
    numbers: tuple[float | None, ...]
    """The choice's values as numbers; None for a value that is not a number."""
    loss: str
    """The choice's loss. Values of different losses have different scales."""
    gradients: bool
    """Whether the choice is trained by gradients. Others are baselines, such as a random forest."""
    ours: tuple[Spread | None, ...]
    """Our result for each measure; None if figures of single images are missing."""
    stated: tuple[float | None, ...]
    """The figures that the source states for this choice."""
    best_epochs: tuple[int, ...]
    """The best epoch of each repeat."""
    histories: Sequence[Sequence[Row]]
    """The history of each repeat."""

    def words(self, factors: tuple[str, ...]) -> str:
        """Return the choice's values of all factors as one text."""
        return in_words(dict(zip(factors, self.labels, strict=True)))


@dataclass(frozen=True)
class Cell:
    """One figure of the source, and our figure for the same choice."""

    choice: str
    """The choice for which the source states the figure."""
    measure: str
    theirs: float
    ours: Spread | None
    """Our result; None if there is no such choice yet, or if its figures are missing."""
    ours_is: str
    """The name of our choice in this comparison; empty if there is none."""

    @property
    def difference(self) -> float | None:
        """Our mean minus the source's figure; None if we have no figure."""
        return None if self.ours is None else self.ours.mean - self.theirs


@dataclass(frozen=True)
class StudyTable:
    """A whole study, with the best choice first."""

    source: str
    stated: str
    same_measure: str
    """Whether the source's measure is our first measure: same, other or unknown."""
    same_images: str
    """Whether the source's images are ours: same, other or unknown."""
    factors: tuple[str, ...]
    measures: tuple[str, ...]
    choices: list[Choice]
    cells: list[Cell]
    """One cell for every figure that the source states, in the source's order."""
    over: str
    """What the intervals are computed over, such as groups of images."""

    @property
    def repeated(self) -> bool:
        """Whether any choice was trained more than once."""
        return any(len(choice.histories) > 1 for choice in self.choices)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Short names of the factors: the last word of each path, or the whole path if two factors
        share this word."""
        last = [factor.rpartition(".")[2] for factor in self.factors]
        pairs = zip(self.factors, last, strict=True)
        return tuple(path if last.count(word) > 1 else word for path, word in pairs)

    def same(self, measure: str) -> str:
        """Return whether this measure is the source's: same, other or unknown."""
        return self.same_measure if measure == self.measures[0] else "unknown"

    @property
    def numeric(self) -> list[int]:
        """Positions of the factors whose values are all numbers."""
        return [
            place
            for place in range(len(self.factors))
            if all(choice.numbers[place] is not None for choice in self.choices)
        ]
