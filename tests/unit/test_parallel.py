"""One worker and several: the same counts for the same weights, the same step for GroupNorm."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from raytrain.config.losses import SoftDiceSpec
from raytrain.config.metrics import DiceMetricSpec, MetricSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.engine.checkpoint import newest_checkpoint
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs.history import read_history
from raytrain.runs.record import Task
from tests.metric_specs import SPECS
from tests.support import quick_processes
from tests.tiny import make_task

DICE = DiceMetricSpec()


def _rank(rank: int, size: int, store: str, task: Task, data: Samples) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    run_trial(task, data, SilentReporter())
    distributed.destroy_process_group()


def train_on(
    size: int, folder: Path, data: Samples, spec: TrialSpec, metric: MetricSpec = DICE
) -> Task:
    """Train one task on so many processes and return it."""
    task = replace(make_task(folder / str(size), data, spec), metric=metric)
    context = quick_processes()
    store = str(folder / f"store{size}")
    workers = [
        context.Process(target=_rank, args=(rank, size, store, task, data)) for rank in range(size)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
        assert worker.exitcode == 0
    return task


@pytest.mark.parametrize("size", [2, 3])
def test_the_same_weights_get_the_same_score(
    tmp_path: Path,
    samples: Samples,
    size: int,
) -> None:
    # A rate too small to move any weight: what is left is counting, over 10 images in steps of 4.
    spec = TrialSpec(
        model=UNetSpec(width=4, depth=2, norm="group"),
        optimizer=SgdSpec(lr=1e-30),
        epochs=1,
        batch_size=4,
        augmentation="none",
    )
    rows = [
        read_history(train_on(n, tmp_path, samples, spec).trial_dir.history)[0] for n in (1, size)
    ]
    for key in ("val_dice", "val_dice_per_class", "val_loss", "images"):
        assert rows[0][key] == rows[1][key]
    assert [row["ranks"] for row in rows] == [1, size]


def test_four_workers_gather_what_one_does(tmp_path: Path, samples: Samples) -> None:
    """Counts, distances and cross-entropy in one figure, over 4 images of unequal share."""
    spec = TrialSpec(
        model=UNetSpec(width=4, depth=2, norm="group"),
        optimizer=SgdSpec(lr=1e-30),
        epochs=1,
        batch_size=1,
        augmentation="none",
    )
    metric = next(metric for metric in SPECS if metric.name == "weighted")
    rows = [
        read_history(train_on(n, tmp_path, samples, spec, metric).trial_dir.history)[0]
        for n in (1, 4)
    ]
    assert rows[0]["val_score"] == rows[1]["val_score"] != rows[0]["val_dice"]
    assert [row["ranks"] for row in rows] == [1, 4]


def test_a_step_of_two_workers_is_that_of_one(tmp_path: Path, samples: Samples) -> None:
    """GroupNorm, no dropout, a loss per image; 10 images in steps of 4 leave an uneven last one."""
    spec = TrialSpec(
        model=UNetSpec(width=4, depth=2, norm="group"),
        loss=(SoftDiceSpec(),),
        optimizer=AdamSpec(lr=1e-4),
        epochs=2,
        batch_size=4,
        augmentation="flips",
    )
    states = [
        newest_checkpoint(train_on(n, tmp_path, samples, spec).trial_dir.checkpoints)
        for n in (1, 2)
    ]
    assert states[0] is not None
    assert states[1] is not None
    for key, value in states[0]["model"].items():
        torch.testing.assert_close(value, states[1]["model"][key], rtol=1e-3, atol=2e-5)
