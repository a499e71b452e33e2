"""The whole line with its storage on an S3 server: killed, continued on another machine, through an
outage; it makes the same CSV as with a folder."""

import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from raytrain.runs import lease, store
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.store import working_folder
from tests.commands import printed, stop_when
from tests.s3 import Requests
from tests.support import csv_bytes, figures, run_folder, write_job

URL = "s3://storage/team"
QUICK = {
    "trial": {"epochs": 3}, "search": {"trials": 2}, "cv": {"candidates": 1},
    "finalize": {"epochs": 2}, "predict": {"tta": "none", "steps": "none"},
}  # fmt: skip


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job whose run in a folder is finished."""
    folder = tmp_path_factory.mktemp("bucket")
    path = write_job(folder, folder / "runs", **QUICK)
    printed("run", path, "--local")
    return path


def test_a_run_goes_on_from_the_storage_alone(
    job: Path, requests: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", job, "--local", "--set", f"storage={URL}"]
    killed = stop_when(
        words,
        lambda: any("epoch_0002.json" in path for path in requests.paths),
        signal.SIGKILL,
        tmp_path / "log",
        {"RAYTRAIN_CACHE": str(tmp_path / "gone")},
    )
    assert killed == -signal.SIGKILL
    shutil.rmtree(tmp_path / "gone")
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(lease, "LEASE_S", 0.0)
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.0)
    # The storage goes away in the middle of a fold's training.
    requests.then_refused["/oof/members.json"] = 25
    text = printed(*words)
    assert requests.counts["refused"] == 25
    assert f"{URL} does not answer" in text
    storage = working_folder(URL)
    assert csv_bytes(storage) == csv_bytes(job.parent / "runs")
    assert figures(storage) == figures(job.parent / "runs")
    _counted(requests, RunDir(run_folder(storage)))
    _pulled(job, tmp_path, monkeypatch)


def _counted(requests: Requests, run: RunDir) -> None:
    """The requests for a training are few, and known (docs/how/storage.md)."""
    puts = Counter(path.split("/trials/")[1].split("/")[0]
                   for path in requests.paths if "/trials/" in path)  # fmt: skip
    for directory in (run.trial(name) for name in puts):
        epochs = len(read_history(directory.history))
        # Checkpoint, its card, the history and the evidence; once the starts, the shipped weights,
        # their card, `shipped.json` and the record. One of them went on after a kill, before its
        # last epoch was sent, and trained that epoch again.
        assert puts[directory.path.name] <= 4 * (epochs + 1) + 5 + 2
    trainings = len(puts)
    epochs = sum(len(read_history(run.trial(name).history)) for name in puts)
    assert requests.counts["DELETE"] <= epochs + 2 * trainings + 12
    assert requests.counts["LIST"] + requests.counts["HEAD"] <= 60


def _pulled(job: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A third machine brings the run home, and uses it."""
    patch.setenv("RAYTRAIN_CACHE", str(folder / "home"))
    printed("pull", f"{URL}/phantom/default", "--to", folder / "phantom")
    assert (folder / "phantom" / "final" / "submission.csv").read_bytes() == csv_bytes(
        job.parent / "runs"
    )
    images = job.parent / "data" / "test" / "image"
    printed("predict", images, "--with", folder / "phantom", "--out", folder / "masks")
    assert "prepared" in printed("ledger", job, "--set", f"storage={URL}")
