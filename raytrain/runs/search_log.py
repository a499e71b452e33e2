"""The files of a search: its trials, its decisions, and the ensembles that were built from it.

`search/proposals.jsonl` holds every trial that was drawn, written before it runs. Draws may depend
on results, so a search that continues starts with the trials that it drew before.
`search/events.jsonl` holds every decision at a rung. `search/present.json` lists the trials that
the current job could draw. A run folder keeps the trials of every job that has used it, but only
the listed ones are ranked, compared at rungs and shipped. `candidates.jsonl` holds every ensemble
that a run with a budget has scored.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from raytrain.config.base import Spec
from raytrain.config.trial import TrialSpec
from raytrain.runs.files import append_line, read_spec, read_spec_lines, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record


class RungEvent(Spec):
    """A trial's scores at a rung, and the decision about the trial there."""

    trial: str
    """Fingerprint of the trial."""
    name: str
    epoch: int
    val_dice: float
    val_score: float
    """The score on which the decision is based."""
    decision: Literal["stop", "go on", "pause"]
    """What happens to the trial after the rung. A paused trial gets another event when it is
    decided whether it continues."""


def append_event(path: Path, event: RungEvent) -> None:
    """Append one decision at a rung to the file `path`."""
    append_line(path, event.model_dump_json())


def settled(events: list[RungEvent]) -> list[RungEvent]:
    """Return the last event of each trial and rung. The order is that of their first events."""
    return list({(event.trial, event.epoch): event for event in events}.values())


def read_events(path: Path) -> list[RungEvent]:
    """Return the decisions at rungs in all complete lines of a file. An incomplete last line had no
    effect."""
    return read_spec_lines(path, RungEvent, "delete the line: that trial is judged again")


class Proposal(Spec):
    """One trial that the search has drawn."""

    study: str
    """Fingerprint of everything that determines the draws. If it changes, the search starts
    over."""
    spec: TrialSpec


def append_proposals(path: Path, proposals: list[Proposal]) -> None:
    """Append one line for each drawn trial to the file `path`, all at once."""
    if proposals:
        append_line(path, "\n".join(each.model_dump_json() for each in proposals))


def read_proposals(path: Path) -> list[Proposal]:
    """Return all drawn trials in a file, in order."""
    return read_spec_lines(path, Proposal, "delete the line: the search draws another trial for it")


class Present(Spec):
    """The content of `present.json`."""

    trials: tuple[str, ...]
    """Fingerprints of the trials."""


def write_present(run: RunDir, trials: Iterable[str]) -> None:
    """Write `present.json`: the fingerprints of the trials that the current job could draw."""
    write_json(run.present, Present(trials=tuple(trials)).model_dump(mode="json"))


def present_records(run: RunDir, records: Iterable[Record]) -> list[Record]:
    """Return the records of the trials in `present.json`, also of those that `train` has trained;
    without this file, the records of all trials of the search."""
    trials = present_trials(run)
    if trials is None:
        return [record for record in records if record.station == "search"]
    return [record for record in records if record.fingerprint in trials]


def present_events(run: RunDir) -> list[RungEvent]:
    """Return the decisions about the trials in `present.json`."""
    trials = present_trials(run)
    return [each for each in read_events(run.events) if trials is None or each.trial in trials]


def present_trials(run: RunDir) -> set[str] | None:
    """Return the fingerprints of the trials in `present.json`; None if the file does not exist."""
    if not run.present.is_file():
        return None
    return set(read_spec(run.present, Present, "delete it: every search writes it again").trials)


class BudgetRound(Spec):
    """One ensemble of a run with a budget, scored out of fold."""

    shelf: str
    """Folder of the ensemble, relative to the run's folder."""
    members: tuple[str, ...]
    """Fingerprints of the members' specs."""
    score: float
    """The ensemble's out-of-fold score."""
    before: float | None
    """Score of the ensemble that was current at that time; null if there was none."""
    nested: float | None
    """Nested score of choosing between this ensemble and the current one: on each fold, by the
    scores on the other folds."""
    kept: bool
    """Whether this ensemble became the current one."""


def read_rounds(path: Path) -> list[BudgetRound]:
    """Return all ensembles that a run with a budget has scored, in order."""
    return read_spec_lines(path, BudgetRound, "delete the line: its ensemble is scored again")
