"""`search/events.jsonl`: every decision at a rung, one JSON object per line, append-only."""

from pathlib import Path
from typing import Literal

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines


class RungEvent(Spec):
    """A trial's scores at a rung, and the decision."""

    trial: str
    """Fingerprint of the trial."""
    name: str
    epoch: int
    val_dice: float
    val_score: float
    """The score that the decision is based on."""
    decision: Literal["stop", "go on", "pause"]
    """A paused trial gets another event once it is decided whether it continues."""


def append_event(path: Path, event: RungEvent) -> None:
    """Append one event."""
    append_line(path, event.model_dump_json())


def settled(events: list[RungEvent]) -> list[RungEvent]:
    """Return the last event of each trial and rung, in the order of their first events."""
    return list({(event.trial, event.epoch): event for event in events}.values())


def read_events(path: Path) -> list[RungEvent]:
    """Return the events of all complete lines; an incomplete last line had no effect."""
    return read_spec_lines(path, RungEvent, "delete the line: that trial is judged again")
