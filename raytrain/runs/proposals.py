"""`search/proposals.jsonl`: every trial that a search has drawn, written before it is run.

What is drawn may depend on results, so a search that goes on begins with what it drew before.
"""

from pathlib import Path

from raytrain.config.base import Spec
from raytrain.config.trial import TrialSpec
from raytrain.runs.files import append_line, read_spec_lines


class Proposal(Spec):
    """One trial that was drawn."""

    study: str
    """Fingerprint of all that decides what is drawn: a changed search begins anew."""
    spec: TrialSpec


def append_proposals(path: Path, proposals: list[Proposal]) -> None:
    """Add a line each, all at once."""
    if proposals:
        append_line(path, "\n".join(each.model_dump_json() for each in proposals))


def read_proposals(path: Path) -> list[Proposal]:
    """All of them, in order."""
    return read_spec_lines(path, Proposal, "delete the line: the search draws another trial for it")
