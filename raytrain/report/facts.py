"""All facts that the page shows, read from the run directory. Missing facts are empty or None."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import DataReport, read_report
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.extensions import load_extensions
from raytrain.runs.files import DamagedError, read_json
from raytrain.runs.history import Row, read_history
from raytrain.runs.jobs import read_job
from raytrain.runs.layout import RunDir, TrialDir
from raytrain.runs.oof import CrossValidation, candidate_oof_paths, read_cross_validation
from raytrain.runs.record import Record, read_records
from raytrain.runs.search_log import RungEvent, present_events, present_records, present_trials
from raytrain.search.leaderboard import by_score
from raytrain.submission.agreement import Agreement

LedgerRow = Mapping[str, str]
"""One event as text: time, state, tag, sha256, oof, ref, public, private, reason."""


@dataclass(frozen=True)
class FoldFacts:
    """The content of `folds.json` that the report shows."""

    hash: str
    seed: int | None
    """Seed of the folds; null: a single part is held out."""
    val_ids: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class OpenTrial:
    """A training without a record. It is running, or was interrupted."""

    fingerprint: str
    spec: TrialSpec
    rows: list[Row]
    """The history of the training, at least one row."""
    searched: bool
    """Whether the training is a trial of the current job's search."""

    @property
    def name(self) -> str:
        """Name of the training, without station and fold, which are known only at its end."""
        return f"{self.spec.label}_{self.fingerprint[:4]}"


@dataclass(frozen=True)
class RunFacts:
    """A run directory in memory, without its large arrays."""

    run: RunDir
    data: DataReport
    job: JobSpec | None
    folds: FoldFacts | None
    trials: list[Record]
    """The search's trials, best first."""
    histories: dict[str, list[Row]]
    """The histories of `trials` and of single trainings, by fingerprint."""
    others: list[Record]
    """Records of the trainings on folds, of the ensemble's members and of the command `train`."""
    under_way: list[OpenTrial]
    """Trainings without a record."""
    events: list[RungEvent]
    cross_validation: CrossValidation | None
    ensemble: Ensemble | None
    ledger: Sequence[LedgerRow]
    evaluated: TrialDir | None
    """The folder of the training that was last evaluated; None without one."""
    agreement: Agreement
    """The agreement of out-of-fold and public scores, over all runs of the competition."""

    @property
    def metric(self) -> str:
        """The name of the metric that `val_score` is computed with, such as `Dice`; `score` if the
        job is unknown."""
        return self.job.competition.metric.label if self.job else "score"


def read_facts(run: RunDir, ledger: Sequence[LedgerRow], agreement: Agreement) -> RunFacts:
    """Return the facts of a run. Raises ValueError when the run's data was never checked."""
    if not run.data_report.is_file():
        raise CodedError(
            "missing", f"{run.path}: there is nothing to report yet; run `raytrain check` first"
        )
    load_extensions(run)
    records = read_records(run)
    trials = by_score(present_records(run, records))
    ranked = {record.fingerprint for record in trials}
    others = [
        each for each in records if each.station != "search" and each.fingerprint not in ranked
    ]
    alone = [record for record in others if record.station == "train"]
    return RunFacts(
        run=run,
        data=read_report(run.data_report),
        job=read_job(run),
        folds=read_folds(run.folds),
        trials=trials,
        histories={
            record.fingerprint: read_history(run.trial(record.fingerprint).history)
            for record in (*trials, *alone)
        },
        others=others,
        under_way=_open_trials(run),
        events=present_events(run),
        cross_validation=read_cross_validation(run),
        ensemble=read_ensemble(run) if run.ensemble.is_file() else None,
        ledger=ledger,
        evaluated=_evaluated(run),
        agreement=agreement,
    )


def _open_trials(run: RunDir) -> list[OpenTrial]:
    """Return the trainings that have done an epoch and have no record, by fingerprint.

    Their specs are read from the checkpoints' cards. If a card is deleted at this moment, its
    training is left out this time.
    """
    searched = present_trials(run) or set()
    found = []
    for path in sorted(run.trials.glob("*")):
        place = TrialDir(path)
        cards = sorted(place.checkpoints.glob("epoch_*.json"))
        if place.record.is_file() or not cards:
            continue
        rows = read_history(place.history)
        with suppress(FileNotFoundError):
            spec = TrialSpec.model_validate(read_json(cards[-1], place.remedy)["spec"])
            if rows:
                found.append(OpenTrial(path.name, spec, rows, path.name in searched))
    return found


def _evaluated(run: RunDir) -> TrialDir | None:
    files = sorted(run.trials.glob("*/evaluation.csv"), key=lambda path: path.stat().st_mtime_ns)
    return TrialDir(files[-1].parent) if files else None


def has_oof_maps(facts: RunFacts) -> bool:
    """Return whether all maps exist that are needed for the ensemble's out-of-fold masks."""
    ensemble = facts.ensemble
    if ensemble is None or facts.folds is None:
        return False
    used = [
        candidate
        for place, candidate in enumerate(ensemble.candidates)
        if any(choice.weights[place] for choice in ensemble.nested)
    ]
    paths = [path for each in used for path in candidate_oof_paths(facts.run, each)]
    return all(path.is_file() for path in paths)


def series_label(spec: TrialSpec) -> str:
    """Return the network and the loss as text, without tuned values."""
    return f"{spec.network_label}, {spec.loss_label.replace('+', ' + ')}"


def written(path: Path) -> str:
    """Return when a file was last written, in UTC."""
    return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d %H:%M}"


def read_folds(path: Path) -> FoldFacts | None:
    """Return the folds in a run's `folds.json`, or None without this file. It is read as plain
    JSON, because `data.folds` is slow to import. Raises DamagedError for any other content."""
    if not path.is_file():
        return None
    remedy = "delete it; the same data and settings give the same folds again"
    tree = read_json(path, remedy)
    try:
        seed = tree["spec"]["seed"] if tree["spec"] else None
        return FoldFacts(tree["hash"], seed, tuple(map(tuple, tree["val_ids"])))
    except (KeyError, TypeError) as error:
        raise DamagedError(path, f"{error!r}", remedy) from None
