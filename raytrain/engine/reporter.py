"""Where a trial's epochs go besides its own files."""

from typing import Protocol

from raytrain.runs.history import Row


class Reporter(Protocol):
    """Told of every epoch on every rank, in order; a resumed trial tells its past again."""

    def report(self, row: Row) -> None:
        """May raise to end the trial here (a scheduler's early stop)."""
        ...


class SilentReporter:
    """For runs that nobody schedules: the history file says everything."""

    def report(self, row: Row) -> None:
        del row
