"""A loss that is not finite, a damaged checkpoint and storage that fails, on several workers."""

import resource
from pathlib import Path

import torch

from raytrain.runs.layout import TrialDir
from tests.chaos.conftest import EPOCHS
from tests.nodes import Nodes, Training, figures_of, resumed_well, same_weights, write_training


def _started(two: Nodes, folder: Path) -> Training:
    return Training(write_training(folder, "runs", EPOCHS), "2", two.env, folder / "log")


def test_a_loss_that_is_not_finite_stops_at_once_and_a_damaged_checkpoint_is_told(
    two: Nodes, whole: TrialDir, tmp_path: Path
) -> None:
    training = _started(two, tmp_path)
    with training.held(3):
        (tmp_path / "not_finite").touch()
    assert training.driver.wait(900) == 1
    text = training.log.read_text()
    assert "the loss is nan at epoch" in text
    assert "lower optimizer.lr" in text
    # It would be the same in every attempt.
    assert len(training.starts()) == 1
    [path] = training.directory.path.glob("not_finite_*.pt")
    assert str(path) in text
    saved = torch.load(path, weights_only=True)
    assert saved["images"]
    assert all(name in text for name in saved["images"])
    newest = max(training.directory.checkpoints.glob("epoch_*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 255
    newest.write_bytes(bytes(content))
    training.start()
    training.end()
    assert [start.epochs for start in training.starts()] == [0, int(newest.stem[-4:]) - 1]
    assert [note for note in training.notes() if f"checkpoint skipped: {newest}: damaged" in note]
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_storage_that_fails_costs_an_epoch_at_most(
    two: Nodes, whole: TrialDir, tmp_path: Path
) -> None:
    training = _started(two, tmp_path)
    with training.held(2):
        stored = training.directory.checkpoints.glob("epoch_*.pt")
        size = min(path.stat().st_size for path in stored) // 2
        for worker in training.workers():
            hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, hard))
    training.end()
    resumed_well(training)
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)
