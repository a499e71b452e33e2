"""Receivers of a trial's epochs, in addition to its own files."""

from typing import Protocol

from raytrain.runs.history import Row


class Reporter(Protocol):
    """Receives every epoch on every rank, in order. A resumed trial first repeats its past
    epochs."""

    def report(self, row: Row) -> None:
        """Receive a row of the history. An exception ends the trial, as in a scheduler's early
        stop."""
        ...


class SilentReporter:
    """Ignores all reports. It is for runs without a scheduler, because the history file holds
    everything."""

    def report(self, row: Row) -> None:
        del row
