"""`search`: run trials over models, losses and other settings, and write the leaderboard."""

from collections.abc import Callable
from math import inf

from raytrain.backend.progress import Progress, views
from raytrain.config.space import with_values
from raytrain.config.space_check import combinations
from raytrain.engine.run import Run
from raytrain.engine.trainable import make_trainable
from raytrain.report.terminal import stopping_text
from raytrain.runs.attempts import Failure
from raytrain.runs.files import write_json
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.runs.mirror import remove, remove_folder
from raytrain.runs.record import Record, Status, Task, complete, write_record
from raytrain.runs.retry import note_failure
from raytrain.runs.search_log import present_events
from raytrain.search.configurations import Configuration
from raytrain.search.leaderboard import ranked, write_leaderboard
from raytrain.search.plan import plan_text
from raytrain.search.stopping_cost import stopping
from raytrain.search.trials import Trials


def search(run: Run, is_over: Callable[[], bool] = lambda: False) -> list[Configuration]:
    """Run the remaining trials until `is_over()` is true; returns the leaderboard, best first.

    Raises ValueError when no trial gave a score. Returns an empty list if there was no time for any
    trial.
    """
    folder, trials = run.folder, Trials(run)
    todo, samples = _checked(run, trials)
    if trials.is_open():
        remove(folder.searched)
    if trials.is_open() and not is_over():
        say(plan_text(run, samples, trials.left()))
        rungs = run.job.search.scheduler.rungs(run.job.search.longest(run.job.trial.epochs))
        past, left = trials.records(), trials.left()
        with Progress("search", todo, rungs, views(run), past, left) as progress:
            run.backend.search(RunningSearch(run, trials, progress, is_over))
    board = write_leaderboard(folder)
    records = [record for each in board for record in each.records]
    if not any(record.best for record in records):
        if is_over() and all(record.status == "paused" for record in records):
            return []
        reasons = "\n  ".join(f"{record.name}: {record.reason}" for record in records)
        raise ValueError(
            f"search: no trial has a score; correct the causes, then search again\n  {reasons}"
        )
    write_json(folder.searched, {"configurations": len(board)})
    if events := present_events(folder):
        names = [record.fingerprint for record in records]
        histories = {name: read_history(folder.trial(name).history) for name in names}
        say(stopping_text(stopping(records, histories, events)))
    return board


def _checked(run: Run, trials: Trials) -> tuple[list[Task], list[Task]]:
    """Return the trials that will run for certain, and samples of all trials. Every trial is
    checked. If later trials depend on results, all trials that may be drawn are checked."""
    space, base = run.job.search.space, run.job.trial
    if run.job.search.sampler.name != "tpe":
        todo = trials.draw_all()
        if todo:
            make_trainable(todo, run)
        return todo, todo
    if not trials.ahead():
        return [], []
    specs = [with_values(base, values) for values in combinations(space)]
    possible = [trials.tasks_of(spec)[0] for spec in specs]
    make_trainable(possible, run)
    return [], possible


class RunningSearch:
    """The search that a backend asks for trials (`engine/run.py`). It draws trials, records what
    happens to them, and shows their progress."""

    def __init__(self, run: Run, trials: Trials, progress: Progress, is_over: Callable[[], bool]):
        self.folder, self.spec = run.folder, run.job.search
        self.epochs = self.spec.longest(run.job.trial.epochs)
        self.is_over = is_over
        self._trials, self._progress = trials, progress
        self._best = BestCheckpoints(run.folder, self.spec.keep, ranked(run.folder))
        self._running: dict[str, Task] = {}

    def past(self) -> list[Record]:
        return self._trials.records()

    def stopped(self) -> list[Task]:
        return self._trials.stopped()

    def ask(self) -> Task | None:
        task = self._trials.next()
        if task is not None:
            self._running[task.fingerprint] = task
            self._progress.follow(task)
        return task

    def tell(self, task: Task, status: Status, reason: str | None) -> None:
        self._running.pop(task.fingerprint, None)
        record = write_record(task, status, reason)
        self._progress.ended(record)
        self._best.ended(record)

    def tell_failure(self, task: Task, failure: Failure) -> None:
        self._progress.failed(task, note_failure(task, failure))

    def running(self) -> list[Task]:
        return list(self._running.values())


class BestCheckpoints:
    """Keeps the checkpoints of the best `count` complete trials of a search, and deletes the
    others. A search needs no weights of complete trials, because folds and members are trained anew
    from the spec.

    Failed and paused trials keep their checkpoints, to resume from. A trial without a record is
    still running.
    """

    def __init__(self, run: RunDir, count: int, past: list[Record]):
        """Start from `past`, the records of the trials that ended before."""
        self._run, self._count = run, count
        self._kept: list[Record] = []
        for record in past:
            self.ended(record)

    def ended(self, record: Record) -> None:
        """Handle the end of a trial: delete the checkpoints of the trial that is no longer among
        the best."""
        if not complete(record):
            return
        self._kept = [each for each in self._kept if each.fingerprint != record.fingerprint]
        self._kept = sorted([*self._kept, record], key=_rank)
        for each in self._kept[self._count :]:
            remove_folder(self._run.trial(each.fingerprint).checkpoints)
        del self._kept[self._count :]


def _rank(record: Record) -> tuple[float, str]:
    return -(record.best["val_score"] if record.best else -inf), record.name
