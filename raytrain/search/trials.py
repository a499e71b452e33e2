"""The trials of a search. They are drawn one by one and recorded before they run, so that a search
that continues has the same trials."""

from collections import deque
from pathlib import Path

from raytrain.config.errors import unknown_name
from raytrain.config.space import Given, resolve, with_values
from raytrain.config.space_draws import most_specs
from raytrain.config.space_points import points_of
from raytrain.config.trial import TrialSpec
from raytrain.engine.run import Run
from raytrain.engine.tasks import search_folds
from raytrain.runs.extensions import refuse_foreign
from raytrain.runs.jobs import read_config
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.runs.record import Record, Task, complete, not_done, read_record, read_records
from raytrain.runs.search_log import Proposal, append_proposals, read_proposals, write_present
from raytrain.search.configurations import configurations
from raytrain.search.proposable import note_present, repeats, study_key
from raytrain.search.samplers import Known, build_sampler, key_of

WARM_POINTS = 3
"""Number of an earlier search's best trials that run again in this search."""


class Trials:
    """The trials of one search in the order in which they were drawn. The repeats of a
    configuration follow each other.

    Specs that become equal, because their depths are reduced to fit the images, are one trial.
    """

    def __init__(self, run: Run):
        """Read the earlier trials. Raises ValueError when an earlier search cannot be read."""
        self._run, self._job, folder = run, run.job, run.folder
        self._folds = search_folds(run)
        self._key = study_key(run.job, self._folds)
        self._starts, earlier = _earlier(run)
        self._sampler = build_sampler(run.job.search, run.job.trial, earlier)
        self._most = most_specs(run.job.search.space, run.job.search.trials)
        """Largest number of configurations of the search in all, drawn or not: `search.trials`, or
        fewer if the space has fewer."""
        self._drawn: dict[str, tuple[TrialSpec, list[Task]]] = {}
        """Key of a configuration -> its repeats, for all that were drawn."""
        self._tasks: dict[str, Task] = {}
        self._present = dict.fromkeys(note_present(run))
        mine = [each for each in read_proposals(folder.proposals) if each.study == self._key]
        for each in mine[: run.job.search.trials]:
            self._take(each.spec)
        self._waiting = deque(not_done(self.tasks))

    @property
    def tasks(self) -> list[Task]:
        """The trials of all configurations that were drawn so far."""
        return list(self._tasks.values())

    def records(self) -> list[Record]:
        """Return the records of the complete trials."""
        found = [read_record(task.trial_dir) for task in self.tasks]
        return [record for record in found if record and complete(record)]

    def stopped(self) -> list[Task]:
        """Return the trials that were stopped early."""
        names = {record.fingerprint for record in self.records() if record.status == "stopped"}
        return [task for task in self.tasks if task.fingerprint in names]

    def left(self) -> int:
        """Return the largest number of trials that are still to be run."""
        repeats = self._job.search.repeats.seeds * len(self._folds)
        return len(self._waiting) + repeats * max(0, self._most - len(self._drawn))

    def is_open(self) -> bool:
        """Return whether there is a trial to run or to continue."""
        return self.ahead() is not None

    def ahead(self) -> Task | None:
        """Return the next trial, but do not take it; None when there is no other."""
        while not self._waiting and (spec := self._draw()):
            self._write([spec])
        return self._waiting[0] if self._waiting else None

    def next(self) -> Task | None:
        """Take and return the next trial; None when there is no other."""
        task = self.ahead()
        if task is not None:
            self._waiting.popleft()
        return task

    def draw_all(self) -> list[Task]:
        """Draw all trials now, if none depends on results; returns those that are not done yet."""
        specs = []
        while spec := self._draw():
            specs.append(spec)
        self._write(specs)
        return list(self._waiting)

    def tasks_of(self, spec: TrialSpec) -> list[Task]:
        """Return the repeats of a configuration that may be drawn later."""
        return repeats(self._run, self._folds, spec)

    def _draw(self) -> TrialSpec | None:
        """Draw one more configuration; None when there is no other."""
        if len(self._drawn) >= self._job.search.trials:
            return None
        spec = next((each for each in self._starts if key_of(each) not in self._drawn), None)
        spec = spec or self._sampler(self._drawn, self._known)
        if spec is None:
            self._most = len(self._drawn)
        else:
            self._waiting += not_done(self._take(spec))
        return spec

    def _take(self, spec: TrialSpec) -> list[Task]:
        """Count a configuration as drawn; returns those of its trials that no other configuration
        has."""
        tasks = self.tasks_of(spec)
        new = [task for task in tasks if task.fingerprint not in self._tasks]
        self._drawn[key_of(spec)] = spec, tasks
        self._tasks |= {task.fingerprint: task for task in new}
        return new

    def _write(self, specs: list[TrialSpec]) -> None:
        """Record the drawn specs, before any of them runs."""
        proposals = [Proposal(study=self._key, spec=spec) for spec in specs]
        append_proposals(self._run.folder.proposals, proposals)
        if specs:
            self._present |= dict.fromkeys(self._tasks)
            write_present(self._run.folder, self._present)

    def _known(self) -> list[Known]:
        return [_so_far(spec, tasks) for spec, tasks in self._drawn.values()]


def _so_far(spec: TrialSpec, tasks: list[Task]) -> Known:
    """Return the state of a configuration. It is complete when its last repeat is, and its score is
    the mean of the repeats."""
    found = [record for task in tasks if (record := read_record(task.trial_dir))]
    if len(found) < len(tasks):
        return Known(spec, None, None, 0)
    (repeated,) = configurations(found)
    statuses = {record.status for record in repeated.counted} or {"failed"}
    epochs = max(record.epochs for record in found)
    return Known(spec, statuses.pop(), repeated.mean, epochs)


def _earlier(run: Run) -> tuple[list[TrialSpec], list[Known]]:
    """Return the trials with which this search begins, and the results of earlier searches on the
    same data with the same metric."""
    job = run.job
    starts: list[TrialSpec] = []
    known: list[Known] = []
    for name in job.search.warm_start:
        other = _other(name, run.folder)
        records = [
            record for record in read_records(other) if record.best and record.station == "search"
        ]
        best = [each.spec for each in configurations(records) if each.mean is not None]
        points = [next(points_of(job.search.space, spec), None) for spec in best]
        inside = [
            with_values(job.trial, resolve(job.search.space, Given(point)))
            for point in points
            if point is not None
        ]
        starts += _distinct(inside)[:WARM_POINTS]
        same = _metric(other) == job.competition.metric.model_dump(mode="json")
        known += [
            _known(record) for record in records if same and record.data == run.report.fingerprint
        ]
        say(
            f"warm start from {other.path.name}: {len(inside)} of {len(best)} scored trials are "
            "in this space"
        )
    return _distinct(starts), known


def _distinct(specs: list[TrialSpec]) -> list[TrialSpec]:
    return [spec for place, spec in enumerate(specs) if spec not in specs[:place]]


def _other(name: str, run: RunDir) -> RunDir:
    """Return the run with this name beside this run, or in the folder of this name. Raises
    ValueError when neither has a search, or when it is this run."""
    beside, folder = run.path.parent / name, Path(name).expanduser()
    found = next((path for path in (beside, folder) if (path / "trials").is_dir()), None)
    if found is None:
        runs = [path.name for path in run.path.parent.glob("*") if (path / "trials").is_dir()]
        raise ValueError(f"search.warm_start: {name!r} has no search: {unknown_name(name, runs)}")
    if found.resolve() == run.path.resolve():
        raise ValueError(
            f"search.warm_start: {name!r} is this run, whose trials are always used; remove it"
        )
    other = RunDir(found.resolve())
    if found != beside:
        refuse_foreign(other)
    return other


def _metric(run: RunDir) -> object:
    tree = read_config(run)
    return tree and tree["competition"]["metric"]


def _known(record: Record) -> Known:
    score = record.best["val_score"] if record.best else None
    return Known(record.spec, record.status, score, record.epochs)
