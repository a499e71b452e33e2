"""The trial function: resuming, killing, counting and refusing, without Ray.

Every test trains a tiny U-Net on a few drawn slices.
"""

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from raytrain.config.metrics import HausdorffMetricSpec
from raytrain.config.optimizers import (
    AdamSpec,
    CosineSpec,
    MultiStepSpec,
    OneCycleSpec,
    PlateauSpec,
    RmsPropSpec,
    SgdSpec,
    StepSpec,
    TorchOptimizerSpec,
)
from raytrain.config.shipping import BestSpec
from raytrain.config.trial import TrialSpec
from raytrain.engine.checkpoint import load_checkpoint, newest_checkpoint
from raytrain.engine.compiling import compile_problem
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import read_shipped
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs import tracked
from raytrain.runs.history import read_history
from raytrain.runs.record import Task
from tests.support import CLOCK
from tests.tiny import SPEC, make_task

GOLDEN = Path(__file__).with_name("golden_losses.txt")


class Killed(BaseException):
    """Stands for whatever ends a process."""


class KilledAfter:
    """Ends the trial when the given epoch is reported."""

    def __init__(self, epoch: int):
        self.epoch = epoch
        self.seen: list[int] = []

    def report(self, row: dict) -> None:
        self.seen.append(row["epoch"])
        if row["epoch"] == self.epoch:
            raise Killed


def figures(folder: Path) -> list[dict]:
    """The history without what differs between two equal trainings."""
    rows = read_history(folder / "history.jsonl")
    # Trackers take numbers only.
    assert all(
        isinstance(each, int | float) for row in rows for each in tracked.figures(row).values()
    )
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]


PLATEAU = PlateauSpec(watch="val_score", patience=0, threshold=0.5, factor=0.5)
RESUMED = {
    "cosine": {},
    "step": {"schedule": StepSpec(every=1), "optimizer": SgdSpec(nesterov=True)},
    "multi_step": {"schedule": MultiStepSpec(milestones=(1, 3)), "optimizer": RmsPropSpec()},
    "one_cycle": {"schedule": OneCycleSpec(), "optimizer": AdamSpec(decay_on="weights")},
    "plateau": {"schedule": PLATEAU, "optimizer": TorchOptimizerSpec(optimizer="NAdam")},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMED)
def test_two_epochs_and_a_resume_equal_four_bit_for_bit(
    tmp_path: Path, samples: Samples, trained: Task, name: str
) -> None:
    spec, whole = SPEC.model_copy(update=RESUMED[name]), trained
    parts = make_task(tmp_path / "parts", samples, spec)
    if spec != SPEC:
        whole = make_task(tmp_path / "whole", samples, spec)
        run_trial(whole, samples, SilentReporter())
    with pytest.raises(Killed):
        run_trial(parts, samples, KilledAfter(2))
    again = KilledAfter(99)
    run_trial(parts, samples, again)
    assert again.seen == [1, 2, 3, 4]  # the past is told again, so that a scheduler knows it
    assert figures(whole.directory) == figures(parts.directory)
    if name == "plateau":
        # No epoch is better than the first by .5: each from the third on starts at half the rate.
        assert [row["lr"] for row in figures(parts.directory)] == [1e-3, 1e-3, 5e-4, 2.5e-4]
    states = [newest_checkpoint(task.trial_dir.checkpoints) for task in (whole, parts)]
    assert states[0] is not None
    assert states[1] is not None
    for part in ("model", "train_model"):
        for key, value in states[0][part].items():
            assert torch.equal(value, states[1][part][key]), key
    first, second = (state["optimizer"]["state"] for state in states if state)
    assert first.keys() == second.keys()
    for index, values in first.items():
        for name, value in values.items():
            assert torch.equal(value, second[index][name]), (index, name)


def test_golden_losses(trained: Task) -> None:
    """Refactoring keeps this curve; a real change rewrites the file and says why.

    Four digits: other processors round the last ones differently.
    """
    rows = figures(trained.directory)
    curve = [[row["train_loss"], row["val_loss"], row["val_dice"]] for row in rows]
    expected = np.loadtxt(GOLDEN)
    np.testing.assert_allclose(np.array(curve), expected, rtol=2e-3, atol=2e-4)


def test_a_damaged_checkpoint_is_passed_over(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    broken = make_task(tmp_path / "b", samples)
    with pytest.raises(Killed):
        run_trial(broken, samples, KilledAfter(3))
    newest = broken.trial_dir.checkpoints / "epoch_0003.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 255
    newest.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(newest)
    run_trial(broken, samples, SilentReporter())
    rows = figures(broken.directory)
    [note] = rows[2].pop("notes")
    assert note.startswith(f"checkpoint skipped: {newest}: damaged")
    assert figures(trained.directory) == rows


def test_storage_that_fails_leaves_the_checkpoint_before(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    """The kernel itself breaks off a write in its middle, as it does on a full disk."""
    full = make_task(tmp_path / "b", samples)
    with pytest.raises(Killed):
        run_trial(full, samples, KilledAfter(2))
    folder = full.trial_dir.checkpoints
    before = sorted(path.name for path in folder.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "epoch_0002.pt").stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
        with pytest.raises(OSError, match=r"epoch 3 could not be written \(File too large\); ear"):
            run_trial(full, samples, SilentReporter())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert len(figures(full.directory)) == 2
    run_trial(full, samples, SilentReporter())
    assert figures(trained.directory) == figures(full.directory)


def test_a_checkpoint_without_its_sidecar_was_never_finished(
    tmp_path: Path, samples: Samples
) -> None:
    task = make_task(tmp_path / "t", samples)
    with pytest.raises(Killed):
        run_trial(task, samples, KilledAfter(2))
    (task.trial_dir.checkpoints / "epoch_0002.json").unlink()
    state = newest_checkpoint(task.trial_dir.checkpoints)
    assert state is not None
    assert state["epoch"] == 1


def test_the_last_two_and_the_best_checkpoints_are_kept(trained: Task) -> None:
    task, rows = trained, figures(trained.directory)
    # The best epoch of those before the last, too: that is what a resume from there would keep.
    best = {max(part, key=lambda row: row["val_dice"])["epoch"] for part in (rows, rows[:3])}
    kept = {path.name for path in task.trial_dir.checkpoints.glob("epoch_*.pt")}
    assert kept == {f"epoch_{epoch:04d}.pt" for epoch in {3, 4, *best}}
    card = json.loads((task.trial_dir.checkpoints / "epoch_0004.json").read_text())
    assert card["classes"] == ["bg", "rv", "myo", "lv"]
    assert TrialSpec.model_validate(card["spec"]) == SPEC


def test_a_diverging_loss_names_epoch_and_step(tmp_path: Path, samples: Samples) -> None:
    spec = SPEC.model_copy(update={"optimizer": SgdSpec(lr=1e30), "schedule": CosineSpec()})
    task = make_task(tmp_path / "t", samples, spec)
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) at epoch 1, step \d+ .*lower"):
        run_trial(task, samples, SilentReporter())
    assert read_history(task.trial_dir.history) == []


def test_the_metric_decides_which_epoch_is_the_best(tmp_path: Path, samples: Samples) -> None:
    task = make_task(tmp_path / "t", samples)
    spec = SPEC.model_copy(update={"ship": BestSpec()})
    task = replace(task, spec=spec, metric=HausdorffMetricSpec(percentile=95))
    run_trial(task, samples, SilentReporter())
    rows = figures(task.directory)
    assert all(row["val_score"] < 0 < row["val_dice"] for row in rows)
    best = max(rows, key=lambda row: (row["val_score"], -row["epoch"]))["epoch"]
    assert read_shipped(task.trial_dir).kinds["best_val_score"]["epochs"] == [best]


def test_a_member_trained_on_everything_shows_no_validation(
    tmp_path: Path, samples: Samples
) -> None:
    task = make_task(tmp_path / "t", samples)
    ids = samples.report.ids("train", "val")
    final = Task(**{**task.__dict__, "train_ids": ids, "val_ids": ()})
    run_trial(final, samples, SilentReporter())
    assert not any(key.startswith("val") for row in figures(final.directory) for key in row)


@pytest.mark.slow
def test_training_learns(tmp_path: Path, samples: Samples) -> None:
    spec = SPEC.model_copy(
        update={"epochs": 20, "augmentation": "none", "ema": 0.0, "optimizer": AdamSpec(lr=1e-2)}
    )
    task = make_task(tmp_path / "t", samples, spec)
    run_trial(task, samples, SilentReporter())
    losses = [row["train_loss"] for row in figures(task.directory)]
    assert losses[-1] < losses[0] / 2


def test_compiling_is_refused_where_there_is_no_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert compile_problem("off") is None
    assert "needs a C++ compiler" in str(compile_problem("default"))
    (tmp_path / "clang++").touch(mode=0o755)
    assert compile_problem("default") is None
