"""A search as one Ray Tune experiment: trials with one worker run in reused actors, and trials with
several workers each get their own Ray Train group."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback
from ray.tune.result import EXPR_ERROR_PICKLE_FILE
from ray.tune.search import ConcurrencyLimiter

from raytrain.cluster.orders import Promoted, deciders
from raytrain.cluster.private import memory_kills_are_failures, name_process
from raytrain.cluster.reasons import failure_of
from raytrain.cluster.resources import DRIVER, bundle, reachable, slots
from raytrain.cluster.train_group import train_inside_tune
from raytrain.cluster.worker import work
from raytrain.config.job import ResourcesSpec
from raytrain.runs.attempts import Failure, read_attempts
from raytrain.runs.history import Row, read_history
from raytrain.runs.orders import Orders
from raytrain.runs.record import OUT_OF_TIME, Status, Task
from raytrain.runs.retry import LOSSES, RETRIES

DROPPED = "Ray Tune dropped it, its log says why; run the same command again to try it anew"
AHEAD = 200
"""Most trials that may wait for a place, so that a cluster that grows on demand sees them."""


class TuneReporter:
    """Passes each epoch's figures to Tune; Tune ends the trial by not returning from the call.

    A reused actor keeps its first name, so the process is renamed after its trial: then the
    dashboard's list of a node's workers and `top` show which trial uses the memory and GPU.
    """

    def __init__(self, task: Task, known: int):
        self._known = known
        """Number of epochs that the search already knows."""
        self._title = f"ray::{task.name}"
        name_process(self._title)

    def report(self, row: Row) -> None:
        if row["epoch"] <= self._known:
            return
        tune.report({key: row[key] for key in ("epoch", "val_score", "val_dice")})
        # After each call of an actor's method, Ray names the process after that method.
        name_process(self._title)


class _EndOfTrial(tune.Callback):
    """Reports to the driver how each trial ended, according to its history."""

    def __init__(self, orders: Orders, pauses: bool):
        self._orders, self._pauses = orders, pauses

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves its callbacks for a restore, but this one serves the living driver only.
        return {}

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        task = trial.config["task"]
        if task.trial_dir.shipped.is_file():
            self._orders.on_end(task, "finished", None)
        elif not self._pauses:
            # A nested trial's history may be an epoch ahead of what Tune has received.
            reason = f"at the rung of epoch {trial.last_result['epoch']}"
            self._orders.on_end(task, "stopped", reason)

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        # Recorded before the next worker starts, which reads from it whether to use half the batch.
        self._failed(trial)
        attempts = read_attempts(trial.config["task"].trial_dir)
        lost = sum(attempt.cause == "lost" for attempt in attempts)
        trial.max_failures = RETRIES + min(LOSSES, lost)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self._orders.on_end(trial.config["task"], "failed", self._failed(trial).reason)

    def _failed(self, trial: Trial) -> Failure:
        # Trial.get_pickled_error looks in the place to which Tune copies the file later.
        path = Path(trial.local_path or "") / EXPR_ERROR_PICKLE_FILE
        failure = Failure("its worker died", "lost")
        if path.is_file():
            failure = failure_of(pickle.loads(path.read_bytes()))
        self._orders.on_failure(trial.config["task"], failure)
        return failure


class _TimeIsOver(tune.Stopper):
    """Ends the experiment when the search's time is used up."""

    def __init__(self, over: Callable[[], bool]):
        self._over = over

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves the stopper for a restore, but it serves the living driver only.
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        """Return whether to end the search; Tune's loop calls it at every step."""
        return self._over()


def run_search(orders: Orders, need: ResourcesSpec) -> None:
    """Run the proposed trials with early stopping, as many at once as resources allow.

    The experiment itself holds no state that must survive: trials resume from their own checkpoints
    and report their past epochs again, and the scheduler is rebuilt from records and events.
    """

    at_work: dict[str, Task] = {}

    def propose() -> Task | None:
        task = orders.propose()
        if task is not None:
            at_work[task.fingerprint] = task
        return task

    def on_end(task: Task, status: Status, reason: str | None) -> None:
        at_work.pop(task.fingerprint, None)
        orders.on_end(task, status, reason)

    _tune(replace(orders, propose=propose, on_end=on_end), need)
    over = orders.over()
    for task in list(at_work.values()):
        if not over:
            on_end(task, "failed", DROPPED)
        elif read_history(task.trial_dir.history):
            on_end(task, "paused", OUT_OF_TIME)


def _tune(orders: Orders, need: ResourcesSpec) -> None:
    def trial(config: dict[str, Any]) -> None:
        task: Task = config["task"]
        if task.workers > 1:
            train_inside_tune(task, need)
        else:
            work(task, TuneReporter(task, config["known"]), need.gpus)

    # The dashboard lists the actors, which run the trials in turn, under this name.
    trial.__name__ = f"{orders.run.path.parent.name} search"
    nested = orders.spec.workers > 1
    searcher, scheduler = deciders(orders, lambda: slots(need) // orders.spec.workers)
    # Ray Train requests a nested trial's places itself. Tune does not see them, and must not start
    # more trials than can run.
    asked = DRIVER if nested else bundle(need)
    ahead = reachable(need) // orders.spec.workers if nested else AHEAD
    tuner = tune.Tuner(
        tune.with_resources(trial, tune.PlacementGroupFactory([asked])),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=ConcurrencyLimiter(searcher, max_concurrent=ahead),
            scheduler=scheduler,
            reuse_actors=not nested,
            trial_name_creator=lambda trial: trial.config["task"].name,
            trial_dirname_creator=lambda trial: (
                f"{trial.config['task'].fingerprint}-{trial.config['known']}"
            ),
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(orders.run.search),
            stop=_TimeIsOver(orders.over),
            # Tune reads its JSON at the end; its tables and TensorBoard files would duplicate ours.
            callbacks=[
                JsonLoggerCallback(),
                _EndOfTrial(orders, isinstance(searcher, Promoted)),
            ],
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            verbose=0,
        ),
    )
    with memory_kills_are_failures():
        tuner.fit()
