"""The location of everything under `<storage>/<competition>/<run>/`."""

import os
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.job import JobSpec
from raytrain.config.storage import is_url
from raytrain.runs.store import working_folder


@dataclass(frozen=True)
class TrialDir:
    """`trials/<fingerprint>/`: the files of one training run."""

    path: Path

    @property
    def remedy(self) -> str:
        """What to do about a damaged file in this folder."""
        return f"delete the folder {self.path} and run the same command again: it trains it again"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def shipped(self) -> Path:
        """The shipped weights. The file exists once training has reached its end."""
        return self.checkpoints / "shipped.json"

    @property
    def history(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def evidence(self) -> Path:
        """The evidence for the best epoch's score, image by image (`metrics/oof_file.py`)."""
        return self.path / "evidence.npz"

    @property
    def masks(self) -> Path:
        """Masks by the best epoch's weights: `train` writes some held-out ones, `evaluate` writes
        all."""
        return self.path / "masks"

    @property
    def evaluation(self) -> Path:
        """The scores of its masks against the truth, if `evaluate` was run for the trial."""
        return self.path / "evaluation.csv"

    @property
    def attempts(self) -> Path:
        """Failed attempts, one JSON object per line. Most trials have none."""
        return self.path / "attempts.jsonl"

    @property
    def starts(self) -> Path:
        """Each start of the training, one JSON object per line."""
        return self.path / "starts.jsonl"

    @property
    def parts(self) -> Path:
        """The number of parts of a batch for workers that restart; most trials have none."""
        return self.path / "parts.json"

    @property
    def record(self) -> Path:
        return self.path / "record.json"


@dataclass(frozen=True)
class RunDir:
    """The folder of one run of one competition."""

    path: Path
    shelf: str = "final"
    """Folder of the ensemble, relative to `path`. A candidate is built in another folder."""

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def configs(self) -> Path:
        """Earlier jobs of this folder, one file each."""
        return self.path / "configs"

    @property
    def data_report(self) -> Path:
        return self.path / "data.json"

    @property
    def stamp(self) -> Path:
        """Stamp of the data files. It shows whether the data has changed since it was read."""
        return self.path / "data_stamp.json"

    @property
    def contact_sheet(self) -> Path:
        return self.path / "contact_sheet.png"

    @property
    def augmentation(self) -> Path:
        """Some training images before and after augmentation."""
        return self.path / "augmentation.png"

    @property
    def folds(self) -> Path:
        return self.path / "folds.json"

    @property
    def extend(self) -> Path:
        """Copies of the Python files in the job's `extend`. Each version has a folder."""
        return self.path / "extend"

    @property
    def weights(self) -> Path:
        """Pretrained encoder weights. The driver fetches them once for all workers."""
        return self.path / "weights"

    @property
    def trials(self) -> Path:
        return self.path / "trials"

    @property
    def search(self) -> Path:
        return self.path / "search"

    @property
    def events(self) -> Path:
        """The decisions at rungs, one JSON object per line."""
        return self.search / "events.jsonl"

    @property
    def proposals(self) -> Path:
        """The trials of the search in the order of their draws, one JSON object per line."""
        return self.search / "proposals.jsonl"

    @property
    def present(self) -> Path:
        """The trials that the current job could propose."""
        return self.search / "present.json"

    @property
    def batches(self) -> Path:
        """The largest batches that `probe` measured."""
        return self.path / "batches.json"

    @property
    def searched(self) -> Path:
        """A file that exists while the search is complete, or while its time is over."""
        return self.search / "done.json"

    @property
    def leaderboard(self) -> Path:
        return self.path / "leaderboard.csv"

    @property
    def command(self) -> Path:
        """The command line of the last search."""
        return self.path / "command.txt"

    @property
    def study(self) -> Path:
        """The table of a study with the figures that its source states."""
        return self.path / "study.csv"

    @property
    def figures(self) -> Path:
        """The figures of the report, for print."""
        return self.path / "figures"

    @property
    def oof(self) -> Path:
        return self.path / "oof"

    @property
    def soft(self) -> Path:
        """Soft labels of the test images, one file for each teacher of self-training."""
        return self.path / "soft"

    @property
    def final(self) -> Path:
        return self.path / self.shelf

    @property
    def ensemble(self) -> Path:
        return self.final / "ensemble.json"

    @property
    def joined(self) -> Path:
        """The maps of teammates."""
        return self.path / "joined"

    @property
    def evidence(self) -> Path:
        """The evidence for the ensemble's out-of-fold score."""
        return self.final / "oof_evidence.npz"

    @property
    def masks(self) -> Path:
        return self.final / "masks"

    @property
    def submission(self) -> Path:
        return self.final / "submission.csv"

    @property
    def evaluation(self) -> Path:
        """The figures of the ensemble's masks against the truth."""
        return self.final / "evaluation.csv"

    @property
    def budget(self) -> Path:
        """The budget of `run`: its total, the time used and the plan."""
        return self.path / "budget.json"

    @property
    def candidates(self) -> Path:
        """Every ensemble that a run with a budget has scored, one JSON object per line."""
        return self.path / "candidates.jsonl"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def boards(self) -> Path:
        """TensorBoard's files, in one folder per trial, named after the trial."""
        return self.path / "tensorboard"

    @property
    def tracking(self) -> Path:
        """Local files of experiment trackers."""
        return self.path / "tracking"

    def mask(self, id: str) -> Path:
        """Return the path of the predicted mask of a test image."""
        return self.masks / f"{id}.png"

    def trial(self, fingerprint: str) -> TrialDir:
        return TrialDir(self.trials / fingerprint)


def run_dir(job: JobSpec) -> RunDir:
    """Return the absolute run directory of a job: workers have other working directories."""
    root = Path(os.path.abspath(os.path.expanduser(job.storage)))
    if is_url(job.storage):
        root = working_folder(job.storage)
    return RunDir(root / job.competition.name / job.run)
