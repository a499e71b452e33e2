"""`search/events.jsonl`: every decision at a rung, one JSON object a line, only appended."""

from pathlib import Path
from typing import Literal

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines


class RungEvent(Spec):
    """What a trial showed at a rung and what was decided."""

    trial: str
    """Fingerprint."""
    name: str
    epoch: int
    val_dice: float
    val_score: float
    """What it was judged by."""
    decision: Literal["stop", "go on", "pause"]
    """A paused trial has another event when it is known whether it goes on."""


def append_event(path: Path, event: RungEvent) -> None:
    """Add one line."""
    append_line(path, event.model_dump_json())


def settled(events: list[RungEvent]) -> list[RungEvent]:
    """Of each trial and rung the last event, in the order in which they were first met."""
    return list({(event.trial, event.epoch): event for event in events}.values())


def read_events(path: Path) -> list[RungEvent]:
    """All whole lines; a torn last one was never acted on."""
    return read_spec_lines(path, RungEvent, "delete the line: that trial is judged again")
