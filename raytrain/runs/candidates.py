"""`candidates.jsonl`: every ensemble that a run with a budget has scored, and which were kept."""

from pathlib import Path

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines


class Candidate(Spec):
    """One ensemble, scored out of fold."""

    shelf: str
    """Where it was built, relative to the run's folder."""
    members: tuple[str, ...]
    """Fingerprints of the members' specs."""
    score: float
    """Its out-of-fold score."""
    before: float | None
    """Score of the current ensemble at that time; null if there was none."""
    nested: float | None
    """Score of choosing between the two on each fold by the other folds."""
    kept: bool
    """Whether it became the current ensemble."""


def append_candidate(path: Path, candidate: Candidate) -> None:
    """Append one candidate."""
    append_line(path, candidate.model_dump_json())


def read_candidates(path: Path) -> list[Candidate]:
    """Return all candidates, in order."""
    return read_spec_lines(path, Candidate, "delete the line: its ensemble is scored again")
