"""Where everything stands under `<storage>/<competition>/<run>/`."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from raytrain.config.job import JobSpec


@dataclass(frozen=True)
class TrialDir:
    """`trials/<fingerprint>/`: what one training run leaves."""

    path: Path

    @property
    def remedy(self) -> str:
        """Where a file in it is damaged."""
        return f"delete the folder {self.path} and run the same command again: it trains this again"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def shipped(self) -> Path:
        """What was shipped; its presence means that training came to its own end."""
        return self.checkpoints / "shipped.json"

    @property
    def history(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def evidence(self) -> Path:
        """What the best epoch's score was computed from, image by image
        (`metrics/oof_file.py`)."""
        return self.path / "evidence.npz"

    @property
    def attempts(self) -> Path:
        """Attempts that failed, one JSON object a line; none for most trials."""
        return self.path / "attempts.jsonl"

    @property
    def starts(self) -> Path:
        """Each start of the training, one JSON object a line."""
        return self.path / "starts.jsonl"

    @property
    def parts(self) -> Path:
        """In how many parts workers that start again take a batch; none for most trials."""
        return self.path / "parts.json"

    @property
    def record(self) -> Path:
        return self.path / "record.json"


@dataclass(frozen=True)
class JoinedDir:
    """`joined/<name>/`: maps that were given, not predicted here."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def test(self) -> Path:
        """Maps of the test images, in the order of the data report."""
        return self.path / "test.npy"

    def oof(self, fold: int) -> Path:
        """Maps of a fold's held-out images, in the order of its val ids."""
        return self.path / f"oof_fold{fold}.npy"


@dataclass(frozen=True)
class RunDir:
    """One run of one competition."""

    path: Path
    shelf: str = "final"
    """Where its ensemble stands, under `path`; another one is built beside it."""

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def configs(self) -> Path:
        """The jobs that this folder was used for before, one file each."""
        return self.path / "configs"

    @property
    def data_report(self) -> Path:
        return self.path / "data.json"

    @property
    def stamp(self) -> Path:
        """By which it is known that the data is as it was read."""
        return self.path / "data_stamp.json"

    @property
    def contact_sheet(self) -> Path:
        return self.path / "contact_sheet.png"

    @property
    def folds(self) -> Path:
        return self.path / "folds.json"

    @property
    def extend(self) -> Path:
        """The users' files that the job extended by, in every version."""
        return self.path / "extend"

    @property
    def weights(self) -> Path:
        """Pretrained encoder weights, fetched once by the driver for all workers."""
        return self.path / "weights"

    @property
    def trials(self) -> Path:
        return self.path / "trials"

    @property
    def search(self) -> Path:
        return self.path / "search"

    @property
    def events(self) -> Path:
        """Each decision at a rung, one JSON object a line."""
        return self.search / "events.jsonl"

    @property
    def proposals(self) -> Path:
        """The trials of the search in the order in which they were drawn, one JSON object a
        line."""
        return self.search / "proposals.jsonl"

    @property
    def present(self) -> Path:
        """The trials that the present job could propose."""
        return self.search / "present.json"

    @property
    def batches(self) -> Path:
        """The largest batches that were measured."""
        return self.path / "batches.json"

    @property
    def searched(self) -> Path:
        """There once a search came to its end or its time was over, until it goes on."""
        return self.search / "done.json"

    @property
    def leaderboard(self) -> Path:
        return self.path / "leaderboard.csv"

    @property
    def study(self) -> Path:
        """The table of a study beside what its source states."""
        return self.path / "study.csv"

    @property
    def oof(self) -> Path:
        return self.path / "oof"

    @property
    def final(self) -> Path:
        return self.path / self.shelf

    @property
    def ensemble(self) -> Path:
        return self.final / "ensemble.json"

    @property
    def joined(self) -> Path:
        """What team-mates gave."""
        return self.path / "joined"

    @property
    def evidence(self) -> Path:
        """What the ensemble's out-of-fold score was computed from."""
        return self.final / "oof_evidence.npz"

    @property
    def masks(self) -> Path:
        return self.final / "masks"

    @property
    def submission(self) -> Path:
        return self.final / "submission.csv"

    @property
    def budget(self) -> Path:
        """What `run` was given, has used and plans."""
        return self.path / "budget.json"

    @property
    def candidates(self) -> Path:
        """Every ensemble that a budget's run has scored, one JSON object a line."""
        return self.path / "candidates.jsonl"

    @property
    def ledger(self) -> Path:
        """The competition's, shared by its runs."""
        return self.path.parent / "submissions" / "ledger.jsonl"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def boards(self) -> Path:
        """TensorBoard's files, a folder for each trial by its name."""
        return self.path / "tensorboard"

    @property
    def tracking(self) -> Path:
        """What trackers of experiments keep on this machine."""
        return self.path / "tracking"

    def mask(self, id: str) -> Path:
        """The predicted mask of a test image."""
        return self.masks / f"{id}.png"

    def trial(self, fingerprint: str) -> TrialDir:
        return TrialDir(self.trials / fingerprint)

    @cached_property
    def _lock(self) -> FileLock:
        self.path.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path / ".lock", timeout=0)

    def acquire(self) -> None:
        """Keep other raytrain processes out of this run until this one ends.

        Raises ValueError when one is at work here.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise ValueError(
                f"{self.path}: another raytrain process is at work here; wait for it or stop it"
            ) from None


def run_dir(job: JobSpec) -> RunDir:
    """The absolute run directory of a job (workers have other working directories)."""
    root = Path(os.path.abspath(os.path.expanduser(job.storage)))
    return RunDir(root / job.competition.name / job.run)
