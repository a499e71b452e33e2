"""`search/proposals.jsonl`: every trial that a search has drawn, written before it runs.

Draws may depend on results, so a search that continues starts with what it drew before.
"""

from pathlib import Path

from raytrain.config.base import Spec
from raytrain.config.trial import TrialSpec
from raytrain.runs.files import append_line, read_spec_lines


class Proposal(Spec):
    """One drawn trial."""

    study: str
    """Fingerprint of everything that determines the draws: a changed search starts over."""
    spec: TrialSpec


def append_proposals(path: Path, proposals: list[Proposal]) -> None:
    """Append one line per proposal, all at once."""
    if proposals:
        append_line(path, "\n".join(each.model_dump_json() for each in proposals))


def read_proposals(path: Path) -> list[Proposal]:
    """Return all proposals, in order."""
    return read_spec_lines(path, Proposal, "delete the line: the search draws another trial for it")
