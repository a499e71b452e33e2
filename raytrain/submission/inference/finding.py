"""One inferred fact, with its evidence and its certainty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Sure = Literal["decided", "likely", "cannot tell"]
ENOUGH = 3
"""Smallest number of masks for a vote to decide."""


@dataclass(frozen=True)
class Finding:
    """A finding about a field of `config/dialects.py`, or about something else that has a name."""

    field: str
    value: Any
    """The value of the field; None if it cannot be inferred or does not exist, such as a class
    column."""
    sure: Sure
    why: str
    """The evidence. If the value cannot be inferred, what would decide it."""

    def __str__(self) -> str:
        shown = "" if self.sure == "cannot tell" else f"{_shown(self.value)}, "
        return f"{self.field}: {shown}{self.sure}: {self.why}"


def unknown(field: str, why: str) -> Finding:
    """Return a finding for a field that cannot be inferred."""
    return Finding(field, None, "cannot tell", why)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else repr(value) if isinstance(value, str) else str(value)


@dataclass(frozen=True)
class Vote:
    """The votes of masks between two readings. A mask that is equal in both readings does not
    vote."""

    winner: Any
    won: int
    votes: int

    @property
    def sure(self) -> Sure:
        """How sure the result is: `decided` if nearly all of enough votes agree, `likely` if most
        do."""
        if self.votes >= ENOUGH and self.won >= 0.9 * self.votes:
            return "decided"
        return "likely" if self.votes and self.won >= 0.7 * self.votes else "cannot tell"


def vote(costs: Mapping[Any, Sequence[int]]) -> Vote:
    """Return the votes of the masks, each for the reading with the lower cost. `costs` has one
    number per mask for each of two readings."""
    (one, one_costs), (other, other_costs) = costs.items()
    pairs = list(zip(one_costs, other_costs, strict=True))
    for_one = sum(a < b for a, b in pairs)
    for_other = sum(b < a for a, b in pairs)
    winner = one if for_one >= for_other else other
    return Vote(winner, max(for_one, for_other), for_one + for_other)
