"""One thing inferred, from what, and how sure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Sure = Literal["decided", "likely", "cannot tell"]
ENOUGH = 3
"""Masks that must speak before a vote decides."""


@dataclass(frozen=True)
class Finding:
    """What was found about a field of `config/dialects.py`, or about another thing by its name."""

    field: str
    value: Any
    """None where it cannot be told (or where there is none, such as no class column)."""
    sure: Sure
    why: str
    """What it was read from; where it cannot be told, what would decide it."""

    def __str__(self) -> str:
        shown = "" if self.sure == "cannot tell" else f"{_shown(self.value)}, "
        return f"{self.field}: {shown}{self.sure}: {self.why}"


def unknown(field: str, why: str) -> Finding:
    """A field that nothing decides."""
    return Finding(field, None, "cannot tell", why)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else repr(value) if isinstance(value, str) else str(value)


@dataclass(frozen=True)
class Vote:
    """How masks judge two ways of reading; those alike both ways abstain."""

    winner: Any
    won: int
    votes: int

    @property
    def sure(self) -> Sure:
        """Decided by nearly all of some, likely by most."""
        if self.votes >= ENOUGH and self.won >= 0.9 * self.votes:
            return "decided"
        return "likely" if self.votes and self.won >= 0.7 * self.votes else "cannot tell"


def vote(costs: Mapping[Any, Sequence[int]]) -> Vote:
    """Each mask votes for the way that costs it less; `costs` holds two ways, a number a mask."""
    (one, one_costs), (other, other_costs) = costs.items()
    pairs = list(zip(one_costs, other_costs, strict=True))
    for_one = sum(a < b for a, b in pairs)
    for_other = sum(b < a for a, b in pairs)
    winner = one if for_one >= for_other else other
    return Vote(winner, max(for_one, for_other), for_one + for_other)
