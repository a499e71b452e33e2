"""A search as one Ray Tune experiment: trials with one worker run in reused actors, and trials with
several workers each get their own Ray Train group."""

import pickle
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback
from ray.tune.result import EXPR_ERROR_PICKLE_FILE
from ray.tune.search import ConcurrencyLimiter

from raytrain.cluster.autoscaling import ENDLESS
from raytrain.cluster.private import memory_kills_are_failures, name_process, named_trainable
from raytrain.cluster.reasons import failure_of
from raytrain.cluster.resources import DRIVER, Need, bundle, reachable, slots
from raytrain.cluster.searcher import Promoted, Proposed, deciders
from raytrain.cluster.train_group import train_inside_tune
from raytrain.cluster.worker import work
from raytrain.engine.reporter import Reporter
from raytrain.engine.run import Search
from raytrain.runs.attempts import Failure, read_attempts
from raytrain.runs.history import Row, read_history
from raytrain.runs.messages import warn
from raytrain.runs.mirror import fetch
from raytrain.runs.record import OUT_OF_TIME, Task
from raytrain.runs.retry import LOSSES, RETRIES

DROPPED = (
    "Ray Tune gave this trial up, and its log gives the reason; run the same command again to "
    "train it"
)
AHEAD = 200
"""Number of trials that wait for a place beside those that run, so that a cluster that grows on
demand sees them."""
Training = Callable[[Task, Reporter, float], None]
"""Function that runs one trial, with a reporter and a number of GPUs."""


class TuneReporter:
    """Passes each epoch's figures to Tune. To end the trial, Tune does not return from the call.

    A reused actor keeps its first name. So the process is renamed after its trial: the dashboard's
    list of workers and `top` then show which trial uses the memory and the GPU.
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
    """Reports to the driver how each trial ended, according to its history.

    This waits for disks and storages. It is done by a thread beside Tune's loop, which starts the
    next trials meanwhile, unless the next trial depends on the results.
    """

    def __init__(self, search: Search, searcher: Proposed):
        self._search, self._searcher = search, searcher
        self._thread = ThreadPoolExecutor(1, "ends of trials")
        self._ends: list[Future[None]] = []

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves its callbacks for a restore, but this one serves the living driver only.
        return {}

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        # A trial that had nothing left to do has reported no epoch.
        epoch = trial.last_result.get("epoch")
        end = self._thread.submit(self._ended, trial.config["task"], epoch)
        if self._searcher.patient:
            end.result()
        self._ends.append(end)

    def wait(self) -> None:
        """Return when all ends are recorded. Raises the first error among them."""
        self._thread.shutdown()
        for end in self._ends:
            end.result()

    def drop(self) -> None:
        """Leave out the ends that are not recorded yet, after a search that failed or was
        interrupted. The same command, run again, records them."""
        self._thread.shutdown(cancel_futures=True)

    def _ended(self, task: Task, epoch: int | None) -> None:
        try:
            fetch(task.directory)
            if task.trial_dir.shipped.is_file():
                self._search.tell(task, "finished", None)
            elif not isinstance(self._searcher, Promoted):
                # A nested trial's history may be an epoch ahead of what Tune has received.
                self._search.tell(task, "stopped", f"at the rung of epoch {epoch}")
        except OSError as error:
            # The error ends the search only when all trials have ended.
            warn(f"{task.name}: its end could not be recorded: {error}")
            raise

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
        self._search.tell(trial.config["task"], "failed", self._failed(trial).reason)

    def _failed(self, trial: Trial) -> Failure:
        # Trial.get_pickled_error looks in the place to which Tune copies the file later.
        path = Path(trial.local_path or "") / EXPR_ERROR_PICKLE_FILE
        failure = Failure("its worker died", "lost")
        if path.is_file():
            failure = failure_of(pickle.loads(path.read_bytes()))
        fetch(trial.config["task"].directory)
        self._search.tell_failure(trial.config["task"], failure)
        return failure


class _TimeIsOver(tune.Stopper):
    """Ends the experiment when the search's time is used up."""

    def __init__(self, search: Search):
        self._search = search

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves the stopper for a restore, but it serves the living driver only.
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        """Return whether to end the search. Tune's loop calls this method at every step."""
        return self._search.is_over()


def run_search(search: Search, need: Need, train: Training = work) -> None:
    """Run the trials of a search with early stopping, as many at once as resources allow.

    `train` runs one trial in a worker process; a benchmark passes one that only sleeps.

    The experiment holds no state that must survive. Trials resume from their own checkpoints and
    report their past epochs again. The scheduler is rebuilt from records and events.
    """
    _tune(search, need, train)
    over = search.is_over()
    for task in search.running():
        if not over:
            search.tell(task, "failed", DROPPED)
            continue
        fetch(task.directory)
        if read_history(task.trial_dir.history):
            search.tell(task, "paused", OUT_OF_TIME)


def _tune(search: Search, need: Need, train: Training) -> None:
    def trial(config: dict[str, Any]) -> None:
        task: Task = config["task"]
        if task.workers > 1:
            train_inside_tune(task, need)
        else:
            train(task, TuneReporter(task, config["known"]), need.gpus)

    nested = search.spec.workers > 1
    searcher, scheduler = deciders(search, lambda: slots(need) // search.spec.workers)
    ends = _EndOfTrial(search, searcher)
    # Ray Train requests a nested trial's places itself. Tune does not see them, and must not start
    # more trials than can run.
    with_places = tune.with_resources(trial, _request(DRIVER if nested else bundle(need), need))
    # A cluster without a limit grows as far as the trials that wait tell it.
    most = reachable(need) if reachable(need) < ENDLESS else slots(need)
    most //= search.spec.workers
    # Tune counts the running trials, too.
    live = max(1, most) if nested else most + AHEAD
    tuner = tune.Tuner(
        # The dashboard lists the actors, which run the trials in turn, under this name.
        named_trainable(with_places, f"{search.folder.path.parent.name} search"),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=ConcurrencyLimiter(searcher, max_concurrent=live),
            scheduler=scheduler,
            reuse_actors=not nested,
            trial_name_creator=lambda trial: trial.config["task"].name,
            trial_dirname_creator=lambda trial: (
                f"{trial.config['task'].fingerprint}-{trial.config['known']}"
            ),
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(search.folder.search),
            stop=_TimeIsOver(search),
            # Tune reads its JSON at the end; its tables and TensorBoard files would duplicate ours.
            callbacks=[JsonLoggerCallback(), ends],
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            verbose=0,
        ),
    )
    with memory_kills_are_failures():
        try:
            tuner.fit()
        except BaseException:
            ends.drop()
            raise
        ends.wait()


def _request(asked: dict[str, float], need: Need) -> tune.PlacementGroupFactory:
    """Return Tune's request for one trial's place, on none of the nodes that are left out."""
    selectors = [need.selector] if need.left_out else None
    return tune.PlacementGroupFactory([asked], bundle_label_selector=selectors)
