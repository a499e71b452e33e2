"""A search as one Ray Tune experiment of one-worker trials in reused actors."""

from collections.abc import Callable
from typing import Any

from ray import tune
from ray._raylet import setproctitle  # type: ignore[attr-defined]  # not in Ray's stubs
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from raytrain.cluster.reasons import reason_of
from raytrain.cluster.resources import bundle
from raytrain.cluster.schedulers import RungScheduler
from raytrain.cluster.worker import work
from raytrain.config.job import AshaSpec, ResourcesSpec, SearchSpec
from raytrain.runs.history import Row, read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Status, Task

OnEnd = Callable[[Task, Status, str | None], None]


class TuneReporter:
    """Hands Tune each epoch's figures; Tune ends the trial by not returning from it.

    A reused actor keeps the name that it started with, so the process is named after its trial:
    the dashboard's list of a node's workers and `top` show which trial takes the memory and GPU.
    """

    def __init__(self, task: Task):
        self._title = f"ray::{task.name}"
        setproctitle(self._title)

    def report(self, row: Row) -> None:
        tune.report({key: row[key] for key in ("epoch", "val_score", "val_dice")})
        # Each call of an actor's method has Ray name the process after that method.
        setproctitle(self._title)


class _EndOfTrial(tune.Callback):
    """Tells the driver how each trial ended, by what its history says."""

    def __init__(self, tasks: list[Task], on_end: OnEnd):
        self._tasks, self._on_end = tasks, on_end

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves its callbacks for a restore; this one speaks to the living driver only.
        return {}

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        task = self._tasks[trial.config["index"]]
        if task.trial_dir.shipped.is_file():
            self._on_end(task, "finished", None)
        else:
            epoch = read_history(task.trial_dir.history)[-1]["epoch"]
            self._on_end(task, "stopped", f"at the rung of epoch {epoch}")

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        task = self._tasks[trial.config["index"]]
        self._on_end(task, "failed", reason_of(trial.get_error() or "its worker died"))


def run_search(
    run: RunDir,
    tasks: list[Task],
    past: list[Record],
    spec: SearchSpec,
    need: ResourcesSpec,
    on_end: OnEnd,
) -> None:
    """Run the tasks, early-stopped as `spec` says, as many at once as resources allow.

    The experiment itself holds nothing that must survive: trials resume from their own
    checkpoints and tell their past again, and the scheduler is rebuilt from records and events.
    """

    def trial(config: dict[str, Any], tasks: list[Task]) -> None:
        task = tasks[config["index"]]
        work(task, TuneReporter(task))

    # The dashboard lists the actors that run the trials in turn under this name.
    trial.__name__ = f"{run.path.parent.name} search"
    trainable = tune.with_resources(
        tune.with_parameters(trial, tasks=tasks), tune.PlacementGroupFactory([bundle(need)])
    )
    tuner = tune.Tuner(
        trainable,
        param_space={"index": tune.grid_search(list(range(len(tasks))))},
        tune_config=tune.TuneConfig(
            scheduler=_scheduler(run, tasks, past, spec),
            reuse_actors=True,
            trial_name_creator=lambda trial: tasks[trial.config["index"]].name,
            trial_dirname_creator=lambda trial: tasks[trial.config["index"]].fingerprint,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(run.search),
            callbacks=[_EndOfTrial(tasks, on_end)],
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    )
    tuner.fit()


def _scheduler(
    run: RunDir, tasks: list[Task], past: list[Record], spec: SearchSpec
) -> TrialScheduler:
    if not isinstance(spec.scheduler, AshaSpec):
        return FIFOScheduler()
    scheduler = RungScheduler(spec.scheduler, tasks, run.events)
    for record in past:
        rows = read_history(run.trial(record.fingerprint).history)
        unfinished = [row for row in rows if row["epoch"] < record.spec.epochs]
        scheduler.remember(record.fingerprint, unfinished)
    return scheduler
