"""The rules that stop a search's trials on Ray, on our own 1-based epoch.

Every rule that ends a trial before its last epoch:

- rungs: `RungScheduler` (asynchronous successive halving as in Ray Tune) stops the lower part of
  the trials at each rung; `PromoteScheduler` pauses them, and `search/promotion.py` lets the best
  continue;
- median: `MedianScheduler` stops a trial whose best score is below the median of the others;
- early stop: `runs/chosen_epochs.py: early_end` ends a training whose score no longer rises;
- time: `backend/clock.py` ends the search, or the run, when the budget is used up.

A decision is made once: a trial that meets a rung again after a restart gets the decision in
`events.jsonl`. Tune's own iteration counter restarts with a trial, but our epoch does not.
"""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from raytrain.config.schedulers import AshaSpec, MedianSpec
from raytrain.runs.history import Row, read_history
from raytrain.runs.record import Task
from raytrain.runs.search_log import RungEvent, append_event, read_events
from raytrain.search.promotion import Promotion


class RungScheduler(ASHAScheduler):
    """ASHA as in Ray Tune: it stops trials and never pauses them."""

    def __init__(self, spec: AshaSpec, epochs: int, events: Path):
        # One more than the last epoch, because a trial that reaches its end finishes by itself.
        super().__init__(
            time_attr="epoch",
            metric="val_score",
            mode="max",
            max_t=epochs + 1,
            grace_period=min(spec.grace, epochs),
            reduction_factor=spec.factor,
            brackets=spec.brackets,
        )
        self._events = events
        self._decided = {(event.trial, event.epoch): event for event in read_events(events)}

    def remember(self, fingerprint: str, rows: list[Row]) -> None:
        """Count an earlier trial at the rungs that the trial reached."""
        trial: Any = SimpleNamespace(trial_id=fingerprint)
        self._trial_info[fingerprint] = self._bracket(fingerprint)
        for row in rows:
            super().on_trial_result(None, trial, row)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        # Ray's own method draws a new bracket after a restart.
        self._trial_info[trial.trial_id] = self._bracket(trial.config["task"].fingerprint)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        task, epoch = trial.config["task"], result["epoch"]
        # A trial at its end is not compared with trials that have just begun.
        if epoch >= task.spec.last_epoch:
            return TrialScheduler.CONTINUE
        decision = super().on_trial_result(tune_controller, trial, result)
        rungs = [rung for rung, _ in self._trial_info[trial.trial_id]._rungs]
        if epoch not in rungs:
            return TrialScheduler.CONTINUE
        earlier = self._decided.get((task.fingerprint, epoch))
        if earlier is not None:
            return TrialScheduler.STOP if earlier.decision == "stop" else TrialScheduler.CONTINUE
        stops = decision == TrialScheduler.STOP
        event = rung_event(task, result, "stop" if stops else "go on")
        append_event(self._events, event)
        self._decided[task.fingerprint, epoch] = event
        return decision

    def _bracket(self, fingerprint: str) -> Any:
        """Return the bracket of a trial. The brackets have the same probabilities as in Ray, but a
        trial always gets the same one."""
        sizes = np.array([len(bracket._rungs) for bracket in self._brackets])
        shares = np.exp(sizes - sizes.max())
        rng = np.random.default_rng(int(fingerprint, 16))
        return self._brackets[int(rng.choice(len(sizes), p=shares / shares.sum()))]


@dataclass(frozen=True)
class _Named:
    """The identity of a trial for Ray's rule. It stays the same after a restart."""

    trial_id: str


class MedianScheduler(MedianStoppingRule):
    """The median rule as in Ray Tune. Epochs that were passed before a restart are not judged
    again."""

    def __init__(self, spec: MedianSpec, events: Path):
        super().__init__(
            time_attr="epoch",
            metric="val_score",
            mode="max",
            grace_period=spec.grace,
            min_samples_required=spec.samples,
        )
        self._events = events
        self._passed: dict[str, int] = {}
        self._stopped = {e.trial for e in read_events(events) if e.decision == "stop"}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        super().on_trial_add(tune_controller, trial)
        task: Task = trial.config["task"]
        self.remember(task.fingerprint, read_history(task.trial_dir.history))

    def remember(self, fingerprint: str, rows: list[Row]) -> None:
        """Count an earlier trial, whether it is complete or not."""
        self._passed[fingerprint] = len(rows)
        if rows:
            self._results[_Named(fingerprint)] = list(rows)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        task: Task = trial.config["task"]
        if task.fingerprint in self._stopped:
            return TrialScheduler.STOP
        if result["epoch"] <= self._passed.get(task.fingerprint, 0):
            return TrialScheduler.CONTINUE
        self._passed[task.fingerprint] = result["epoch"]
        # Identified by fingerprint, so that results from before a restart belong to the same trial.
        named: Any = _Named(task.fingerprint)
        decision = super().on_trial_result(tune_controller, named, result)
        if decision != TrialScheduler.STOP or result["epoch"] >= task.spec.last_epoch:
            return TrialScheduler.CONTINUE
        append_event(self._events, rung_event(task, result, "stop"))
        return TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: Any) -> None:
        """Do nothing: the last result has already been counted."""

    def _on_insufficient_samples(self, tune_controller: Any, trial: Any, time: float) -> str:
        # Ray's own method would pause the trial to make room for others.
        return TrialScheduler.CONTINUE


class PromoteScheduler(FIFOScheduler):
    """Ends a trial's turn at a rung unless it continues at once. When a place is free,
    `searcher.py` decides which trial continues."""

    def __init__(self, promotion: Promotion, rungs: list[int], events: Path):
        super().__init__()
        self._promotion, self._rungs, self._events = promotion, rungs, events

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves the scheduler for a restore, but it is rebuilt from the events instead.
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        task, epoch = trial.config["task"], result["epoch"]
        if epoch not in self._rungs or epoch >= task.spec.last_epoch:
            return TrialScheduler.CONTINUE
        decision = self._promotion.decided(task.fingerprint, epoch)
        if decision is None:
            score = result["val_score"]
            decision = self._promotion.arrive(task.fingerprint, epoch, score)
            append_event(self._events, rung_event(task, result, decision))
        return TrialScheduler.CONTINUE if decision == "go on" else TrialScheduler.STOP


def rung_event(
    task: Task, row: dict[str, Any], decision: Literal["stop", "go on", "pause"]
) -> RungEvent:
    """Return the event with a trial's scores in an epoch, and the decision."""
    return RungEvent(
        trial=task.fingerprint,
        name=task.name,
        epoch=row["epoch"],
        val_dice=row["val_dice"],
        val_score=row["val_score"],
        decision=decision,
    )
