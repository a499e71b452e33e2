"""Too little memory: a network that takes but so many images at once stands for the device."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn

from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import train_loader
from raytrain.engine import trial
from raytrain.engine.checkpoint import (
    epoch_path,
    load_checkpoint,
    newest_checkpoint,
    save_weights,
)
from raytrain.engine.loop import Training, train_epoch
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.training_images import task_scaling
from raytrain.engine.trial import Samples, run_trial
from raytrain.engine.validation import Validation, validate
from raytrain.losses import build_loss
from raytrain.models import build_model
from raytrain.runs.record import Task, write_record
from tests.commands import quick_processes
from tests.tiny import make_task
from tests.unit.test_engine import Killed, KilledAfter

SPEC = TrialSpec(
    model=UNetSpec(width=4, depth=1, norm="group"),
    optimizer=SgdSpec(lr=1e-2),
    epochs=2,
    batch_size=8,
    augmentation="none",
)


class Small(nn.Module):
    """A network on a device that holds so many images."""

    def __init__(self, network: nn.Module, images: int):
        super().__init__()
        self.network, self.images = network, images

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        if len(image_BCHW) > self.images:
            raise torch.OutOfMemoryError(f"{len(image_BCHW)} images")
        return self.network(image_BCHW)


def _epoch(samples: Samples, images: int) -> tuple[dict, Training]:
    """An epoch of 10 images in steps of 8 and 2."""
    world, report = current_world(), samples.report
    rows = samples.cache.rows(report.ids("train"))
    scaling = task_scaling(SPEC, report, rows)
    loader, _ = train_loader(samples.cache, rows, scaling, SPEC, 0, 1, 0)
    torch.manual_seed(0)
    model = Small(build_model(SPEC.model, 1, 4, None), images)
    training = Training(
        network=model, model=model, ema=None, swa=None,
        optimizer=build_optimizer(SPEC.optimizer, model),
        scaler=build_scaler(SPEC, world.device),
        loss=build_loss(SPEC.loss, "single_label", ()), spec=SPEC, world=world,
    )  # fmt: skip
    return train_epoch(training, loader, []), training


def test_the_batch_is_divided_until_it_fits_and_the_step_stays(samples: Samples) -> None:
    whole, first = _epoch(samples, 8)
    divided, second = _epoch(samples, 3)
    assert first.news([]) == {}
    assert second.news([])["notes"] == [
        "out of memory with 8 images per step: from then on, each worker's share of a step "
        f"has {parts} parts"
        for parts in (2, 4)
    ]
    assert second.spec.accumulate == 4
    assert divided["train_loss"] == pytest.approx(whole["train_loss"], rel=1e-5)
    assert divided["images"] == whole["images"] == 10
    weights = (dict(training.model.named_parameters()) for training in (first, second))
    one, other = weights
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-6)


def test_where_dividing_does_not_help_the_error_says_what_does(samples: Samples) -> None:
    with pytest.raises(ValueError, match="out of memory with one image at once: choose a smaller"):
        _epoch(samples, 0)


def test_evaluation_takes_what_fits(samples: Samples) -> None:
    """With room for one image the figures are those of four at once."""
    rows, told = [], []
    for images in (8, 1):
        _, training = _epoch(samples, 8)
        report = samples.report
        scaling = task_scaling(SPEC, report, samples.cache.rows(report.ids("train")))
        on = Validation(
            report, samples.cache, samples.cache.rows(report.ids("val")), scaling, DiceMetricSpec()
        )
        rows.append(validate(training, Small(training.model, images), on, 1)[0])
        told.append(training.news([]))
    parts = [
        f"out of memory with {n} images of an evaluation: evaluated in two halves" for n in (4, 2)
    ]
    assert told == [{}, {"notes": parts}]
    training.notes += [*parts, "another"]
    assert training.news([{"epoch": 1, "notes": parts}]) == {"notes": ["another"]}
    assert rows[0]["val_loss"] == pytest.approx(rows[1]["val_loss"], rel=1e-5)
    assert rows[0]["val_dice_per_class"] == pytest.approx(rows[1]["val_dice_per_class"], abs=1e-3)
    with pytest.raises(torch.OutOfMemoryError):
        validate(training, Small(training.model, 0), on, 1)


def _small_rank(rank: int, size: int, store: str, task: Task, data: Samples, room: int) -> None:
    """Train; the last rank's network takes `room` images at once. Exits with 3 if it asks to start
    again, as it and those that wait for it do."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    if rank == size - 1:

        def refuse(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            if len(inputs[0]) > room and module.training:
                raise torch.OutOfMemoryError(f"{len(inputs[0])} images")

        build = trial.build_model

        def small(*values: Any) -> nn.Module:
            model = build(*values)
            model.register_forward_pre_hook(refuse)
            return model

        trial.build_model = small  # type: ignore[assignment]
    try:
        run_trial(task, data, SilentReporter())
    except RuntimeError as error:  # gloo's too, of ranks whose partner is gone
        print(error)
        os._exit(3)
    distributed.destroy_process_group()


@pytest.mark.slow
def test_all_workers_start_again_with_smaller_parts(tmp_path: Path, samples: Samples) -> None:
    """One of two workers holds two images of its four: neither trains on alone, both start again
    with two parts, and end bit for bit where two that began with two parts end."""

    def attempt(task: Task, room: int) -> list[int | None]:
        store, context = tempfile.mktemp(dir=tmp_path), quick_processes()
        ranks = [
            context.Process(target=_small_rank, args=(rank, 2, store, task, samples, room))
            for rank in range(2)
        ]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(timeout=120)
        return [process.exitcode for process in ranks]

    task = make_task(tmp_path / "t", samples, SPEC)
    assert attempt(task, 2) == [3, 3]
    assert attempt(task, 2) == [0, 0]
    parted = make_task(tmp_path / "p", samples, SPEC.model_copy(update={"accumulate": 2}))
    assert attempt(parted, 2) == [0, 0]
    one, other = (newest_checkpoint(t.trial_dir.checkpoints) for t in (task, parted))
    assert one is not None
    assert other is not None
    assert one["accumulate"] == 2
    assert all(torch.equal(value, other["model"][name]) for name, value in one["model"].items())
    (note,) = write_record(task, "finished", None).notes
    assert "out of memory with 4 images at once on a worker: all workers continue" in note
    assert [row["images"] for row in one["history"]] == [10, 10]


def test_peak_memory_is_told_and_a_divided_batch_stays_divided(
    tmp_path: Path, samples: Samples
) -> None:
    task = make_task(tmp_path / "t", samples, SPEC.model_copy(update={"epochs": 1}))
    run_trial(task, samples, SilentReporter())
    state = newest_checkpoint(task.trial_dir.checkpoints)
    assert state is not None
    assert 0.05 < state["history"][0]["host_gb"] < 100
    assert "device_gb" not in state["history"][0] or torch.cuda.is_available()
    assert state["accumulate"] == 1
    parts = make_task(tmp_path / "p", samples, SPEC)
    folder = parts.trial_dir.checkpoints
    with pytest.raises(Killed):
        run_trial(parts, samples, KilledAfter(1))
    state = load_checkpoint(epoch_path(folder, 1))
    save_weights(epoch_path(folder, 1), {**state, "accumulate": 4}, {})
    run_trial(parts, samples, SilentReporter())
    assert load_checkpoint(epoch_path(folder, 2))["accumulate"] == 4
