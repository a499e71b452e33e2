"""Receivers of a trial's epochs, in addition to its own files."""

from typing import Protocol

from raytrain.runs.history import Row


class Reporter(Protocol):
    """Receives every epoch on every rank, in order; a resumed trial repeats its past epochs."""

    def report(self, row: Row) -> None:
        """Receive a row. May raise an exception to end the trial (a scheduler's early stop)."""
        ...


class SilentReporter:
    """Ignores all reports, for runs without a scheduler: the history file holds everything."""

    def report(self, row: Row) -> None:
        del row
