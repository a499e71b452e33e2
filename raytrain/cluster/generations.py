"""A population's turns, handed to Tune one after another."""

from collections import deque
from collections.abc import Callable
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from raytrain.cluster.orders import Proposed
from raytrain.cluster.population import parents_of, successor
from raytrain.cluster.schedulers import rung_event
from raytrain.config.schedulers import PbtSpec
from raytrain.config.trial import TrialSpec
from raytrain.runs.events import append_event, read_events
from raytrain.runs.history import Row, read_history
from raytrain.runs.orders import Orders
from raytrain.runs.record import Task, complete, is_complete, read_record


class Evolving(Proposed):
    """Lets all members train one generation, then the last make room for successors of the first.

    After a restart the generations are gone through again: whom `events.jsonl` says to have been
    replaced has the same successor, and who has come to a generation's end waits there.
    """

    def __init__(self, orders: Orders, places: Callable[[], int], spec: PbtSpec):
        super().__init__(orders, places)
        self._spec, self._patient = spec, True
        self._members = list(orders.members)
        self._taken = [task.spec for task in self._members]
        self._ends = deque([*spec.rungs(orders.epochs), orders.epochs])
        self._start = self._end = 0
        self._turns: deque[Task] = deque()
        # All are at work from now on, also while they wait for the others.
        while orders.propose() is not None:
            pass

    def order(self) -> dict[str, Any] | None:
        if self.orders.over():
            # Not all that have ended have come to the generation's end.
            return None
        while not self._turns and not self._live and self._ends:
            self._start, self._end = self._end, self._ends.popleft()
            if self._start:
                self._succeed(self._start)
            self._turns.extend(task for task in self._members if not self._there(task))
        return {"task": self._turns.popleft(), "known": self._start} if self._turns else None

    def may_follow(self) -> bool:
        return bool(self._live)

    def _there(self, task: Task) -> bool:
        """Whether it has come to the generation's end, or its own."""
        if is_complete(task):
            return True
        return bool(self._ends) and len(read_history(task.trial_dir.history)) >= self._end

    def _succeed(self, epoch: int) -> None:
        """Replace the last."""
        rows: dict[str, Row] = {}
        for task in list(self._members):
            history = read_history(task.trial_dir.history)
            if len(history) >= epoch:
                rows[task.fingerprint] = history[epoch - 1]
            elif not task.trial_dir.shipped.is_file():
                self._leave_behind(task)
        heirs = self._heirs(epoch, rows)
        places = {task.fingerprint: place for place, task in enumerate(self._members)}
        old = list(self._members)
        for trial, (spec, parent) in heirs.items():
            heir = self.orders.successor(spec, old[places[parent]], epoch)
            task = old[places[trial]]
            if not is_complete(task):
                reason = f"after epoch {epoch} its place went to {heir.name}"
                self.orders.on_end(task, "stopped", reason)
            self._members[places[trial]] = heir

    def _heirs(self, epoch: int, rows: dict[str, Row]) -> dict[str, tuple[TrialSpec, str]]:
        """Of each trial that is replaced its successor's spec and whose it is: as it was decided
        before a restart, or decided and written down now."""
        events = read_events(self.orders.run.events)
        decided = {e.trial: e.parent for e in events if e.epoch == epoch and e.trial in rows}
        scores = {trial: row["val_score"] for trial, row in rows.items()}
        search, tasks = self.orders.spec, {task.fingerprint: task for task in self._members}
        parents = decided or parents_of(scores, self._spec, search.seed)
        heirs: dict[str, tuple[TrialSpec, str]] = {}
        for trial, parent in parents.items():
            spec = parent and successor(
                tasks[parent].spec, epoch, search.changing, self._spec.resample,
                (search.seed, trial), self._taken,
            )  # fmt: skip
            if spec and parent:
                heirs[trial] = spec, parent
                self._taken.append(spec)
        if not decided:
            decisions = [
                rung_event(tasks[trial], row, "stop", heirs[trial][1]) if trial in heirs
                else rung_event(tasks[trial], row, "go on")
                for trial, row in rows.items()
            ]  # fmt: skip
            append_event(self.orders.run.events, *decisions)
        return heirs

    def _leave_behind(self, task: Task) -> None:
        """It failed in this generation; until now the same command would have tried it again."""
        self._members.remove(task)
        record = read_record(task.trial_dir)
        if record is not None and not complete(record):
            reason = f"{record.reason}; the population went on without it"
            self.orders.on_end(task, "stopped", reason)


class GenerationScheduler(FIFOScheduler):
    """Ends a trial's turn with the generation."""

    def __init__(self, rungs: list[int]):
        super().__init__()
        self._rungs = rungs

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        epoch, task = result["epoch"], trial.config["task"]
        ends = epoch in self._rungs and trial.config["known"] < epoch < task.spec.last_epoch
        return TrialScheduler.STOP if ends else TrialScheduler.CONTINUE
