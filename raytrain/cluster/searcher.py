"""The searcher that passes a search's trials to Tune, and the scheduler that stops them early."""

from collections import deque
from collections.abc import Callable
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from raytrain.cluster.stopping import (
    MedianScheduler,
    PromoteScheduler,
    RungScheduler,
    rung_event,
)
from raytrain.config.schedulers import AshaSpec, MedianSpec, PromoteSpec
from raytrain.engine.run import Search
from raytrain.runs.history import read_history
from raytrain.runs.mirror import bring, remove
from raytrain.runs.record import Task
from raytrain.runs.search_log import append_event, present_events
from raytrain.search.promotion import Promotion


class Proposed(Searcher):
    """Passes raytrain's proposals to Tune. Drawn trials are stored in `proposals.jsonl`, not in
    Tune's state.

    If later trials depend on results, the next trial is drawn only when there is a place for it.
    """

    def __init__(self, search: Search, places: Callable[[], int]):
        """Set up the searcher; `places` returns the number of trials that can run at once."""
        super().__init__(metric="val_score", mode="max")
        self.search, self._places = search, places
        self.patient = search.spec.sampler.name == "tpe"
        """Whether the next trial depends on the results of the earlier ones."""
        self._live: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        # Tune saves the searcher for a restore, but it serves the living driver only.
        return {}

    def save_to_dir(self, checkpoint_dir: str, session_str: str) -> None:
        """Save nothing, because the searcher is not restored."""
        del checkpoint_dir, session_str

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Accept the properties and ignore them, because they are already set."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the config of Tune's next trial; None while there is no trial to run."""
        # One trial is requested even without a place: a cluster that grows on demand then sees it.
        if self.patient and len(self._live) >= max(1, self._places()):
            return None
        config = self.order()
        if config is not None:
            self._live.add(trial_id)
            return config
        return None if self.may_follow() else Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Free the trial's place."""
        self._live.discard(trial_id)

    def order(self) -> dict[str, Any] | None:
        """Return the next task, and the number of its epochs that Tune already knows; None when
        nothing can run."""
        task = self.search.ask()
        return None if task is None else {"task": task, "known": 0}

    def may_follow(self) -> bool:
        """Return whether more trials may follow later, although none can start now."""
        return False


class Promoted(Proposed):
    """Resumes paused trials before it starts new ones."""

    def __init__(self, search: Search, places: Callable[[], int], promotion: Promotion):
        super().__init__(search, places)
        self._promotion, self.patient = promotion, True
        self._tasks = {task.fingerprint: task for task in search.stopped()}
        self._stopped = set(self._tasks)
        self._fresh: deque[Task] = deque()
        # Trials that were paused when a driver was killed are among the first proposals.
        paused = {trial for _, trial in promotion.waiting()}
        while paused - self._tasks.keys() and self._propose(paused):
            pass
        # The others belong to an earlier search with another space.
        promotion.close(paused - self._tasks.keys())

    def order(self) -> dict[str, Any] | None:
        found = self._promotion.ready()
        if found is None and not self._fresh and not self._propose(set()) and not self._live:
            found = self._promotion.last()
            if found is None:
                self._stop_the_rest()
        if found is None:
            return {"task": self._fresh.popleft(), "known": 0} if self._fresh else None
        rung, trial = found
        if trial in self._stopped:
            # Its weights may be gone; then it trains again up to where it was.
            self._stopped.remove(trial)
            remove(self._tasks[trial].trial_dir.record)
        self._promotion.go_on(trial, rung)
        self._decide(trial, rung, "go on")
        return {"task": self._tasks[trial], "known": rung}

    def may_follow(self) -> bool:
        return bool(self._live)

    def _propose(self, paused: set[str]) -> bool:
        """Take the next proposal; returns False when there is none."""
        task = self.search.ask()
        if task is None:
            return False
        self._tasks[task.fingerprint] = task
        if task.fingerprint not in paused:
            self._fresh.append(task)
        return True

    def _stop_the_rest(self) -> None:
        for rung, trial in self._promotion.waiting():
            if trial in self._stopped:
                continue
            self.search.tell(self._tasks[trial], "stopped", f"at the rung of epoch {rung}")
            self._decide(trial, rung, "stop")

    def _decide(self, trial: str, rung: int, decision: Any) -> None:
        task = self._tasks[trial]
        bring(task.trial_dir.history)
        row = read_history(task.trial_dir.history)[rung - 1]
        append_event(self.search.folder.events, rung_event(task, row, decision))


def deciders(search: Search, places: Callable[[], int]) -> tuple[Proposed, TrialScheduler]:
    """Return the searcher that starts trials, and the scheduler that stops trials.

    `places` returns the number of trials that can run at once.
    """
    spec, run = search.spec.scheduler, search.folder
    histories = {
        record.fingerprint: [
            row
            for row in read_history(run.trial(record.fingerprint).history)
            if row["epoch"] < record.spec.epochs
        ]
        for record in search.past()
    }
    match spec:
        case PromoteSpec():
            rungs = spec.rungs(search.epochs)
            finished = [r.fingerprint for r in search.past() if r.status == "finished"]
            promotion = Promotion(spec.factor, rungs, present_events(run), finished)
            scheduler = PromoteScheduler(promotion, rungs, run.events)
            return Promoted(search, places, promotion), scheduler
        case AshaSpec():
            asha = RungScheduler(spec, search.epochs, run.events)
            for fingerprint, rows in histories.items():
                asha.remember(fingerprint, rows)
            return Proposed(search, places), asha
        case MedianSpec():
            median = MedianScheduler(spec, run.events)
            for fingerprint, rows in histories.items():
                median.remember(fingerprint, rows)
            return Proposed(search, places), median
    return Proposed(search, places), FIFOScheduler()
