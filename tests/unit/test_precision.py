"""Half precision with a scaled loss, accumulation and evaluation batches in whole trainings."""

from pathlib import Path

import pytest
import torch

from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Batch
from raytrain.engine.checkpoint import newest_checkpoint
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler, set_float32
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.step import train_step
from raytrain.engine.trial import Samples, run_trial
from tests.tiny import make_task
from tests.unit.test_engine import Killed, KilledAfter, figures

SMALL = TrialSpec(
    model=UNetSpec(width=4, depth=1, norm="group"),
    optimizer=AdamSpec(lr=1e-3),
    epochs=2,
    batch_size=4,
    augmentation="none",
)


@pytest.mark.slow
def test_float16_goes_on_where_it_was(tmp_path: Path, samples: Samples) -> None:
    """The loss's scale is part of the checkpoint (CPUs compute float16 slowly, but they do)."""
    spec = SMALL.model_copy(update={"precision": "fp16", "clip_norm": 1.0})
    whole, parts = (make_task(tmp_path / part, samples, spec) for part in ("whole", "parts"))
    run_trial(whole, samples, SilentReporter())
    with pytest.raises(Killed):
        run_trial(parts, samples, KilledAfter(1))
    run_trial(parts, samples, SilentReporter())
    assert figures(whole.directory) == figures(parts.directory)
    states = [newest_checkpoint(task.trial_dir.checkpoints) for task in (whole, parts)]
    assert states[0] is not None
    assert states[1] is not None
    assert states[0]["scaler"] == states[1]["scaler"] != {}
    full = make_task(tmp_path / "full", samples, SMALL.model_copy(update={"clip_norm": 1.0}))
    run_trial(full, samples, SilentReporter())
    for half, row in zip(figures(whole.directory), figures(full.directory), strict=True):
        assert half["train_loss"] == pytest.approx(row["train_loss"], rel=2e-3)
        assert half["train_loss"] != row["train_loss"]


def test_a_step_whose_gradients_overflow_is_left_out() -> None:
    model = torch.nn.Conv2d(1, 2, 1)
    before = [parameter.clone() for parameter in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    spec, world = SMALL.model_copy(update={"precision": "fp16"}), current_world()
    scaler = build_scaler(spec, world.device)
    start = scaler.get_scale()
    batch = Batch(torch.ones(1, 1, 4, 4), torch.zeros(1, 4, 4), torch.zeros(1).numpy(), 1, 1)

    def steep(logits_BKHW: torch.Tensor, target_BHW: torch.Tensor) -> torch.Tensor:
        return logits_BKHW.sum() * 1e4

    train_step(model, batch, steep, optimizer, scaler, spec, world)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    assert scaler.get_scale() == start / 2
    for _ in range(20):
        train_step(model, batch, steep, optimizer, scaler, spec, world)
    assert not torch.equal(before[0], next(model.parameters()))


def test_accumulated_batches_train_alike(tmp_path: Path, samples: Samples) -> None:
    """Parts of 4 images in 3, and more parts than images; clipping sees the whole gradient."""
    rows = []
    for parts in (1, 3, 9):
        spec = SMALL.model_copy(
            update={"accumulate": parts, "clip_norm": 0.05, "optimizer": SgdSpec(lr=0.1)}
        )
        task = make_task(tmp_path / str(parts), samples, spec)
        run_trial(task, samples, SilentReporter())
        rows.append(figures(task.directory))
    for others in rows[1:]:
        for one, other in zip(rows[0], others, strict=True):
            assert other["train_loss"] == pytest.approx(one["train_loss"], rel=1e-5)
            assert other["val_loss"] == pytest.approx(one["val_loss"], rel=1e-5)


def test_the_evaluation_batch_changes_no_count(tmp_path: Path, samples: Samples) -> None:
    rows = []
    for at_once in (None, 1, 64):
        spec = SMALL.model_copy(update={"evaluation_batch": at_once})
        task = make_task(tmp_path / str(at_once), samples, spec)
        run_trial(task, samples, SilentReporter())
        rows.append(figures(task.directory))
    assert rows[0][-1]["val_dice"] == pytest.approx(rows[1][-1]["val_dice"], abs=1e-4)
    assert rows[0][-1]["val_loss"] == pytest.approx(rows[2][-1]["val_loss"], rel=1e-5)
    assert [row["train_loss"] for row in rows[0]] == [row["train_loss"] for row in rows[1]]


def test_full_float32_is_full_on_gpus_too() -> None:
    """Read as torch.compile and torch.export do, which raises where torch's own flags disagree."""
    set_float32("tf32")
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32
    set_float32("fp32")
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32
