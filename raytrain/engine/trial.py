"""The one trial function: a single run, a search trial, a fold and a finalist are all this."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import nn

from raytrain.data.cache import Cache, open_cache
from raytrain.data.dataset import Scaling, train_loader
from raytrain.data.report import DataReport, mean_and_std
from raytrain.engine.checkpoint import newest_checkpoint, save_checkpoint
from raytrain.engine.ema import build_ema
from raytrain.engine.loop import train_epoch, validate
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import World, current_world
from raytrain.engine.reporter import Reporter
from raytrain.engine.schedules import build_schedule
from raytrain.losses import build_loss
from raytrain.models import build_model
from raytrain.models.weights import weights_file
from raytrain.runs.files import read_json
from raytrain.runs.history import Row, append_row, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task


@dataclass(frozen=True)
class Samples:
    """The decoded data of a run and what is known of it."""

    report: DataReport
    cache: Cache
    weights: Path
    """Folder of pretrained encoder weights."""


def open_samples(run: RunDir) -> Samples:
    """The data of a run, decoded on this node when it is not yet."""
    report = DataReport.model_validate(read_json(run.data_report))
    return Samples(report, open_cache(report), run.weights)


def run_trial(task: Task, samples: Samples, reporter: Reporter) -> None:
    """Train `task` to its last epoch, or on from its newest checkpoint.

    Leaves checkpoints and `history.jsonl` in the task's directory. Raises ValueError naming
    epoch, step and images when the loss is no longer finite, and whatever the reporter raises.
    """
    world = current_world()
    torch.set_num_threads(task.cpus)
    directory = task.trial_dir
    directory.path.mkdir(parents=True, exist_ok=True)
    # A worker that outlived its killed driver by a moment must not write beside its successor.
    with FileLock(directory.path / f".rank{world.rank}.lock", timeout=120):
        _run(task, samples, reporter, world)


def _run(task: Task, samples: Samples, reporter: Reporter, world: World) -> None:
    spec, directory = task.spec, task.trial_dir
    cache, report = samples.cache, samples.report
    scaling = task_scaling(task, report)
    train_rows, val_rows = cache.rows(task.train_ids), cache.rows(task.val_ids)
    loader, plan = train_loader(
        cache, train_rows, scaling, spec, world.rank, world.size, task.loaders
    )
    loss = build_loss(spec.loss)

    torch.manual_seed(spec.seed)
    encoder = weights_file(spec.model, samples.weights)
    model = build_model(spec.model, report.channels, len(report.classes), encoder)
    model = model.to(world.device)
    state = newest_checkpoint(directory.checkpoints)
    if state is not None:
        model.load_state_dict(state["train_model"])
    optimizer = build_optimizer(spec.optimizer, model.parameters())
    ema = build_ema(model, spec.ema)
    history: list[Row] = []
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])
        if ema is not None:
            ema.load_state_dict(state["ema"])
        history = state["history"]
    steps = len(plan)
    schedule = build_schedule(
        spec.schedule, optimizer, steps * spec.epochs, spec.epochs, steps * len(history)
    )
    if world.rank == 0:
        write_history(directory.history, history)
    for row in history:
        reporter.report(row)

    parallel = world.wrap(model)
    kept = ema.module if ema is not None else model
    for epoch in range(len(history) + 1, spec.epochs + 1):
        # Whatever draws from torch's generator (dropout) is the same after a resume.
        torch.manual_seed(spec.seed * 1_000_003 + epoch * 1_009 + world.rank)
        plan.epoch = epoch
        row = train_epoch(parallel, ema, loader, loss, optimizer, schedule, spec, world, epoch)
        if len(val_rows):
            row |= validate(kept, cache, val_rows, scaling, loss, spec, report.classes, world)
        history.append(row)
        if world.rank == 0:
            state = _state(model, ema, optimizer, history)
            save_checkpoint(directory.checkpoints, state, _card(task, report, scaling, row))
            append_row(directory.history, row)
        world.barrier()
        reporter.report(row)


def task_scaling(task: Task, report: DataReport) -> Scaling:
    """Normalisation from the images that the task trains on, and no others."""
    chosen = set(task.train_ids)
    mean, std = mean_and_std([sample for sample in report.samples if sample.id in chosen])
    return Scaling(mean, std, per_image=task.spec.normalization == "image")


def _state(
    model: nn.Module, ema: nn.Module | None, optimizer: torch.optim.Optimizer, history: list[Row]
) -> dict[str, Any]:
    """Everything that training goes on from; `model` is what is evaluated and shipped."""
    shipped = ema.module if ema is not None else model
    assert isinstance(shipped, nn.Module)
    return {
        "epoch": len(history),
        "model": shipped.state_dict(),
        "train_model": model.state_dict(),
        "ema": ema.state_dict() if ema is not None else None,
        "optimizer": optimizer.state_dict(),
        "history": history,
    }


def _card(task: Task, report: DataReport, scaling: Scaling, row: Row) -> dict[str, Any]:
    return {
        "spec": task.spec.model_dump(mode="json"),
        "classes": list(report.classes),
        "channels": report.channels,
        "scaling": {"mean": scaling.mean, "std": scaling.std, "per_image": scaling.per_image},
        "data": task.data,
        "metrics": row,
    }
