"""ASHA as Ray Tune has it, on our own 1-based epoch, with every rung decision written down."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from raytrain.config.job import AshaSpec
from raytrain.runs.events import RungEvent, append_event, read_events
from raytrain.runs.history import Row
from raytrain.runs.record import Task


class RungScheduler(ASHAScheduler):
    """Asynchronous successive halving (Li et al. 2020), the variant that stops and never pauses.

    A decision is made once: a trial that meets a rung again after a restart is told what
    `events.jsonl` says. Tune's own iteration counter restarts with a trial, our epoch does not.
    """

    def __init__(self, spec: AshaSpec, tasks: list[Task], events: Path):
        epochs = max(task.spec.epochs for task in tasks)
        # One more than the last epoch: a trial that reaches its end finishes by itself.
        super().__init__(
            time_attr="epoch",
            metric="val_score",
            mode="max",
            max_t=epochs + 1,
            grace_period=min(spec.grace, epochs),
            reduction_factor=spec.factor,
        )
        self._tasks, self._events = tasks, events
        self._decided = {(event.trial, event.epoch): event for event in read_events(events)}
        self._rungs = spec.rungs(epochs)

    def remember(self, fingerprint: str, rows: list[Row]) -> None:
        """Count an earlier trial at the rungs that it reached before its end."""
        trial: Any = SimpleNamespace(trial_id=fingerprint)
        super().on_trial_add(None, trial)
        for row in rows:
            super().on_trial_result(None, trial, row)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        task, epoch = self._tasks[trial.config["index"]], result["epoch"]
        # What has reached its end is not held against what has just begun.
        if epoch >= task.spec.last_epoch:
            return TrialScheduler.CONTINUE
        decision = super().on_trial_result(tune_controller, trial, result)
        if epoch not in self._rungs:
            return TrialScheduler.CONTINUE
        earlier = self._decided.get((task.fingerprint, epoch))
        if earlier is not None:
            return TrialScheduler.STOP if earlier.decision == "stop" else TrialScheduler.CONTINUE
        event = RungEvent(
            trial=task.fingerprint,
            name=task.name,
            epoch=epoch,
            val_dice=result["val_dice"],
            val_score=result["val_score"],
            decision="stop" if decision == TrialScheduler.STOP else "go on",
        )
        append_event(self._events, event)
        self._decided[task.fingerprint, epoch] = event
        return decision
