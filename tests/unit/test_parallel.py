"""One worker and several: the same counts for the same weights, the same step for GroupNorm."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from raytrain.config.losses import CrossEntropySpec, SoftDiceSpec
from raytrain.config.metrics import DiceMetricSpec, MetricSpec
from raytrain.config.mixing import MixUpSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import train_loader
from raytrain.engine.checkpoint import newest_checkpoint
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import World, current_world
from raytrain.engine.precision import build_scaler
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.step import train_step
from raytrain.engine.training_images import task_scaling
from raytrain.engine.trial import Samples, run_trial
from raytrain.losses import build_loss
from raytrain.models import build_model
from raytrain.runs.history import read_history
from raytrain.runs.record import Task
from tests.commands import quick_processes
from tests.metric_specs import SPECS
from tests.tiny import make_task

DICE = DiceMetricSpec()


def train_rank(rank: int, size: int, store: str, task: Task, data: Samples) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    run_trial(task, data, SilentReporter())
    distributed.destroy_process_group()


def on_workers(size: int, folder: Path, target: Callable[..., None], *values: object) -> None:
    """Call `target(rank, size, store, *values)` in this many processes and wait for them."""
    context = quick_processes()
    store = tempfile.mktemp(dir=folder)
    workers = [
        context.Process(target=target, args=(rank, size, store, *values)) for rank in range(size)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
        assert worker.exitcode == 0


def train_on(
    size: int, folder: Path, data: Samples, spec: TrialSpec, metric: MetricSpec = DICE
) -> Task:
    """Train one task on this many processes and return it; a single one is this process."""
    task = replace(make_task(folder / str(size), data, spec), metric=metric)
    if size == 1:
        run_trial(task, data, SilentReporter())
    else:
        on_workers(size, folder, train_rank, task, data)
    return task


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def _gradients(
    rank: int, size: int, store: str, folder: Path, data: Samples, spec: TrialSpec
) -> None:
    """Save the gradients of each step of an epoch whose weights stay where they are."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    world, report = current_world(), data.report
    rows = data.cache.rows(report.ids("train"))
    loader, _ = train_loader(
        data.cache, rows, task_scaling(spec, report, rows), spec, rank, size, 0
    )
    torch.manual_seed(0)
    model = build_model(spec.model, report.channels, len(report.classes), None)
    network = world.wrap(model, spec.accumulate)
    optimizer = build_optimizer(spec.optimizer, model)
    loss = build_loss(spec.loss, report.target, ())
    scaler = build_scaler(spec, world.device)
    steps = []
    for batch in loader:
        train_step(network, batch, loss, optimizer, scaler, spec, world)
        steps.append({name: p.grad.clone() for name, p in model.named_parameters()})
    if rank == 0:
        torch.save(steps, folder / f"gradients{size}x{spec.accumulate}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_gradients_agree_however_a_batch_is_divided(tmp_path: Path, samples: Samples) -> None:
    """1, 2 and 4 workers, and 1 and 2 that take their shares in two parts. 10 images in steps of
    3, 3, 3 and 1: with four workers one has none in any step, and in the last step three have none.
    Some steps are sums of two images.

    Nothing in this network has a kink. A ReLU or a maximum that stands at a rounding's distance
    from its kink takes the other branch, which alone moves float32 from float64 by 1e-4 or more.
    """
    spec = TrialSpec(
        model=UNetSpec(width=4, depth=2, norm="group", activation="tanh", down="conv"),
        loss=(SoftDiceSpec(), CrossEntropySpec()),
        optimizer=SgdSpec(lr=1e-30),
        batch_size=3,
        augmentation="flips",
        mix=MixUpSpec(p=0.5),
    )
    ways = [(1, 1), (2, 1), (4, 1), (1, 2), (2, 2)]
    for size, parts in ways:
        accumulated = spec.model_copy(update={"accumulate": parts})
        on_workers(size, tmp_path, _gradients, tmp_path, samples, accumulated)
    one, *others = (torch.load(tmp_path / f"gradients{size}x{n}.pt") for size, n in ways)
    assert all(len(steps) == 4 for steps in (one, *others))
    for several in others:
        for step, (wanted, found) in enumerate(zip(one, several, strict=True)):
            for name, gradient in wanted.items():
                difference = (found[name] - gradient).norm() / gradient.norm()
                assert float(difference) < 1e-5, (step, name, float(difference))


def test_synced_norms_keep_weights_and_names() -> None:
    model = build_model(UNetSpec(width=4, depth=1), 1, 2, None)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    alone, beside = World(0, 1, torch.device("cpu")), World(0, 2, torch.device("cpu"))
    assert alone.with_norms(model, "synced") is beside.with_norms(model, "per_worker") is model
    synced = beside.with_norms(model, "synced")
    assert any(isinstance(part, torch.nn.SyncBatchNorm) for part in synced.modules())
    assert all(torch.equal(synced.state_dict()[name], before[name]) for name in before)
