"""Asynchronous successive halving with promotion: which trials continue from a rung, and when.

Li et al. 2020, algorithm 2: whenever a worker is free, the best trial in the top 1/factor of the
highest possible rung continues; if there is none, a new trial starts. Ray's ASHA decides once, when
a trial arrives, so early trials pass without a comparison. Here they wait.
"""

from collections.abc import Iterable
from typing import Literal

from raytrain.runs.search_log import RungEvent


class Promotion:
    """The scores at each rung and the trials that continued from the rung, rebuilt from the
    events."""

    def __init__(
        self,
        factor: int,
        rungs: Iterable[int],
        events: Iterable[RungEvent],
        finished: Iterable[str],
    ):
        """Rebuild the state from the events. Trials in `finished` count at their rungs, but cannot
        continue."""
        self._factor = factor
        self._scores: dict[int, dict[str, float]] = {rung: {} for rung in rungs}
        self._gone: set[tuple[int, str]] = set()
        self._closed = set(finished)
        for event in events:
            if event.epoch in self._scores:
                self._scores[event.epoch][event.trial] = event.val_score
                if event.decision == "go on":
                    self._gone.add((event.epoch, event.trial))

    def decided(self, trial: str, rung: int) -> Literal["go on", "pause"] | None:
        """Return the decision for a trial at a rung that it has reached before, or None."""
        if trial not in self._scores[rung]:
            return None
        return "go on" if (rung, trial) in self._gone else "pause"

    def arrive(self, trial: str, rung: int, score: float) -> Literal["go on", "pause"]:
        """Record that a trial arrives at a rung. It continues at once only if no other trial has a
        better claim."""
        self._scores[rung][trial] = score
        if self.ready() != (rung, trial):
            return "pause"
        self.go_on(trial, rung)
        return "go on"

    def ready(self) -> tuple[int, str] | None:
        """Return the rung and the trial that continues next, from the highest rung; None when no
        trial may continue."""
        for rung in sorted(self._scores, reverse=True):
            order = self._order(rung)
            waiting = self._waiting(rung, order[: len(order) // self._factor])
            if waiting:
                return rung, waiting[0]
        return None

    def last(self) -> tuple[int, str] | None:
        """Return the best trial of the highest rung when no other trial is left to compare with. If
        another trial has continued from this rung, return None. So a search ends with a trial that
        has run all its epochs."""
        reached = [rung for rung, scores in self._scores.items() if scores]
        if not reached or any(rung == max(reached) for rung, _ in self._gone):
            return None
        waiting = self._waiting(max(reached), self._order(max(reached)))
        return (max(reached), waiting[0]) if waiting else None

    def go_on(self, trial: str, rung: int) -> None:
        """Record that a trial continues."""
        self._gone.add((rung, trial))

    def close(self, trials: Iterable[str]) -> None:
        """Keep these trials in the comparison, but do not let them continue."""
        self._closed |= set(trials)

    def waiting(self) -> list[tuple[int, str]]:
        """Return pairs of rung and trial, for all paused trials."""
        return [
            (rung, trial)
            for rung in sorted(self._scores)
            for trial in self._waiting(rung, self._order(rung))
        ]

    def _order(self, rung: int) -> list[str]:
        scores = self._scores[rung]
        return sorted(scores, key=lambda trial: (-scores[trial], trial))

    def _waiting(self, rung: int, trials: list[str]) -> list[str]:
        return [
            trial
            for trial in trials
            if (rung, trial) not in self._gone and trial not in self._closed
        ]
