"""`search/present.json`: the trials that the current job could propose.

A run folder keeps the trials of every job that has used it. Only the trials listed here are ranked,
compared at rungs and shipped.
"""

from collections.abc import Iterable

from raytrain.config.base import Spec
from raytrain.runs.events import RungEvent, read_events
from raytrain.runs.files import read_spec, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, read_records


class Present(Spec):
    """The content of `present.json`."""

    trials: tuple[str, ...]
    """Fingerprints of the trials."""


def write_present(run: RunDir, trials: Iterable[str]) -> None:
    """Replace the file."""
    write_json(run.present, Present(trials=tuple(trials)).model_dump(mode="json"))


def present_records(run: RunDir) -> list[Record]:
    """Return the records of these trials; all records of the search if the file does not exist."""
    found = [record for record in read_records(run) if record.station == "search"]
    trials = _trials(run)
    return [record for record in found if trials is None or record.fingerprint in trials]


def present_events(run: RunDir) -> list[RungEvent]:
    """Return the decisions about these trials."""
    trials = _trials(run)
    return [each for each in read_events(run.events) if trials is None or each.trial in trials]


def _trials(run: RunDir) -> set[str] | None:
    if not run.present.is_file():
        return None
    return set(read_spec(run.present, Present, "delete it: every search writes it again").trials)
