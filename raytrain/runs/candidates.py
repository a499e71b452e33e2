"""`candidates.jsonl`: every ensemble that a budget's run has scored, and which of them stood."""

from pathlib import Path

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines


class Candidate(Spec):
    """One ensemble, scored out of fold."""

    shelf: str
    """Where it was built, under the run's folder."""
    members: tuple[str, ...]
    """Fingerprints of what they were asked."""
    score: float
    """Out of fold."""
    before: float | None
    """Of what stood then; null when nothing did."""
    nested: float | None
    """Of choosing between the two, each fold by the others."""
    kept: bool
    """Whether its CSV stands from then on."""


def append_candidate(path: Path, candidate: Candidate) -> None:
    """Add one line."""
    append_line(path, candidate.model_dump_json())


def read_candidates(path: Path) -> list[Candidate]:
    """All of them, in order."""
    return read_spec_lines(path, Candidate, "delete the line: its ensemble is scored again")
