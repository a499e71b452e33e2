"""Progress of running trainings, on the console and in the views that the job requests.

A command prints lines; a program or a notebook shows one bar.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Self

from raytrain.backend.bar import BarView
from raytrain.backend.console import ConsoleView
from raytrain.backend.following import Follower, View
from raytrain.backend.tensorboard import BoardView
from raytrain.engine.run import Run
from raytrain.runs.attempts import Attempt
from raytrain.runs.messages import prints_messages
from raytrain.runs.mirror import bring
from raytrain.runs.record import Record, Task
from raytrain.runs.repeated import repeated
from raytrain.runs.store import stored_path

LOOK_S, AT_ONCE = 5.0, 10
"""Seconds from one fetch of histories from a storage to the next, and the number of histories in
one fetch."""


class Progress:
    """Context manager that follows the history files of trials."""

    def __init__(
        self,
        title: str,
        tasks: list[Task],
        rungs: list[int],
        views: Sequence[View],
        past: Sequence[Record] = (),
        expected: int = 0,
    ):
        """`past` are records of trials that ended before; the best score counts them, too.
        `expected` is the number of trials to come. `tasks` are the trials to come that are already
        drawn. Each of them is counted now, and read from when `follow` is called for it, because a
        search may have many more trials than run at once."""
        self._console: ConsoleView | BarView = (
            ConsoleView(title, rungs, past, expected) if prints_messages() else BarView(title)
        )
        self._followers = [Follower(view, self._console.say) for view in (self._console, *views)]
        self._counted: set[str] = set()
        self._away: dict[str, Task] = {}
        """Trials whose histories other machines may write."""
        self._stack = ExitStack()
        for task in tasks:
            self._count(task)

    def __enter__(self) -> Self:
        self._console.start()
        for follower in self._followers:
            follower.start()
        self._stack.enter_context(repeated(self._look_away, LOOK_S, "histories"))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        for follower in reversed(self._followers):
            follower.stop()

    def _look_away(self) -> None:
        """Fetch the histories of some trials from the storage. The next call fetches those of
        other trials."""
        for name in [*self._away][:AT_ONCE]:
            if (task := self._away.pop(name, None)) is not None:
                with suppress(OSError):  # the next look may succeed
                    bring(task.trial_dir.history)
                self._away[name] = task

    def follow(self, task: Task) -> None:
        """Read the history of this trial until the trial has ended."""
        self._count(task)
        if stored_path(task.directory) is not None:
            self._away[task.fingerprint] = task
        for follower in self._followers:
            follower.follow(task)

    def _count(self, task: Task) -> None:
        if task.fingerprint not in self._counted:
            self._counted.add(task.fingerprint)
            self._console.note(task)

    def failed(self, task: Task, attempt: Attempt) -> None:
        """Print that an attempt of a trial failed."""
        batch = f"batch {attempt.batch_size}, {attempt.epochs} epochs done"
        self._console.say(f"  attempt failed {task.name}: {attempt.reason} ({batch})")

    def ended(self, record: Record) -> None:
        """Print how a trial ended, and pass its record to all views."""
        self._away.pop(record.fingerprint, None)
        for follower in self._followers:
            follower.ended(record)


def views(run: Run) -> list[View]:
    """Return the views besides the console. Raises ValueError when a tracker of the job cannot be
    reached."""
    tracking = run.job.tracking
    found: list[View] = [BoardView(run.folder)] if tracking.tensorboard else []
    if tracking.mlflow or tracking.wandb:
        # Some of them run as Ray actors.
        assert run.backend
        from raytrain.cluster.tracking import trackers

        found += trackers(run.job, run.folder)
    return found
