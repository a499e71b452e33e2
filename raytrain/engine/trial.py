"""The trial function. Single runs, search trials, folds and final members all use it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import nn

from raytrain.config.models import PixelsBase
from raytrain.config.target import outputs
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache, open_cache
from raytrain.data.report import DataReport, read_report
from raytrain.data.soft_labels import Probabilities, with_soft_labels
from raytrain.engine.checkpoint import common_checkpoint, epoch_path, save_weights
from raytrain.engine.compiling import compiled
from raytrain.engine.ema import build_ema, build_swa
from raytrain.engine.hold import hold_place, placed_loader
from raytrain.engine.loop import Training, train_epoch
from raytrain.engine.memory import PartsError, ask_for_parts, asked_parts, forget_peaks
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.pace import Pace
from raytrain.engine.parallel import World, current_world
from raytrain.engine.pixels import fit_epoch
from raytrain.engine.precision import build_scaler, set_float32
from raytrain.engine.reporter import Reporter
from raytrain.engine.saving import Saver, snapshot
from raytrain.engine.shipped import ship
from raytrain.engine.start import set_frozen, warm_start
from raytrain.engine.training_images import (
    card_of,
    class_pixels,
    lacking_classes,
    task_scaling,
)
from raytrain.engine.training_loss import training_loss
from raytrain.engine.validation import Validation, scored_images, train_figures, validate
from raytrain.engine.watchdog import UNWATCHED, Watch, interruption_notes
from raytrain.metrics.oof_file import write_oof_evidence
from raytrain.models import build_model
from raytrain.models.heads import attach
from raytrain.models.weights import weights_file
from raytrain.runs.attempts import Start, append_start
from raytrain.runs.chosen_epochs import ended, kept_epochs
from raytrain.runs.extensions import load_extensions
from raytrain.runs.history import Row, append_row, best_row, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import bring_missing, send
from raytrain.runs.record import Task


@dataclass(frozen=True)
class Samples:
    """The decoded data of a run, and the report about it."""

    report: DataReport
    cache: Cache
    weights: Path
    """Folder of pretrained encoder weights."""


def open_samples(run: RunDir) -> Samples:
    """Return the data of a run. It is decoded first unless this node has decoded it."""
    load_extensions(run)
    report = read_report(run.data_report)
    return Samples(report, open_cache(report), run.weights)


def run_trial(task: Task, samples: Samples, reporter: Reporter, watch: Watch = UNWATCHED) -> None:
    """Train `task` to its end, or resume from its newest checkpoint, and ship its weights.

    Writes checkpoints and `history.jsonl` to the task's directory. Raises ValueError that names
    epoch, step and images when the loss is no longer finite, and whatever the reporter raises.
    """
    world = current_world()
    torch.set_num_threads(task.cpus)
    forget_peaks(world.device)
    set_float32(task.spec.precision)
    task.directory.mkdir(parents=True, exist_ok=True)
    # A worker that briefly outlives its killed driver must not write at the same time as its
    # successor.
    lock = FileLock(task.directory / f".rank{world.rank}.lock", timeout=120)
    try:
        with lock, Saver(task.trial_dir) as saver:
            _run(task, samples, reporter, watch, saver)
    except Timeout:
        raise TimeoutError(
            f"{task.directory}: another process has trained here for two minutes; end it or wait "
            "for its end, then run the same command again"
        ) from None
    except (ValueError, RuntimeError):
        if world.rank == 0:
            send(task.directory)  # what says why, and what the next attempt has to know
        raise
    if world.rank == 0:
        send(task.directory)


def _run(task: Task, samples: Samples, reporter: Reporter, watch: Watch, saver: Saver) -> None:
    spec, directory, world = task.spec, task.trial_dir, current_world()
    labeled = samples.cache.rows(task.train_ids)
    scaling = task_scaling(spec, samples.report, labeled)
    card = partial(card_of, task, samples.report, scaling)
    cache, train_rows = _training_images(task, samples)
    notes: list[str] = []
    state = common_checkpoint(directory.checkpoints, world, notes)
    history: list[Row] = state["history"] if state else []
    place, note = hold_place(spec, cache, train_rows, world, state["hold"] if state else None)
    loader, plan = placed_loader(task, cache, train_rows, scaling, world, place)
    training = build_training(task, samples, world, state)
    training.watch, training.hold = watch, place
    training.notes += [*notes, *([note] if note else []), *lacking_classes(samples.report, labeled)]
    training.notes += interruption_notes(watch, directory, history)
    nodes = world.gather(watch.node)
    watch.start(directory.path, world, nodes)
    learn = fit_epoch if isinstance(spec.model, PixelsBase) else train_epoch
    if world.rank == 0:
        write_history(directory.history, history)
        append_start(directory, Start(epochs=len(history), nodes=tuple(nodes)))
    for row in history:
        reporter.report(row)
    on, trained = scored_images(task, samples.report, samples.cache, scaling)
    pace = Pace()
    while not ended(spec, history):
        epoch = len(history) + 1
        # All random draws from torch's generator (dropout) are the same after a resume.
        torch.manual_seed(spec.seed * 1_000_003 + epoch * 1_009 + world.rank)
        plan.epoch = epoch
        if spec.freeze_encoder and epoch == spec.freeze_encoder + 1:
            training.network = _network(training.model, spec, world, epoch)
        try:
            row = learn(training, loader, history)
        except PartsError as error:
            ask_for_parts(directory, error)
            raise
        if on:
            _judge(training, task, on, history, row, saver)
        row |= train_figures(training, trained, epoch)
        row |= pace.times(epoch, spec.last_epoch) | training.news(history)
        history.append(row)
        training.average(epoch)
        _save(training, task, history, card(row), saver)
        reporter.report(row)
    saver.wait()
    world.barrier()  # every worker may read the files now
    watch.off()
    plan.epoch = len(history) + 1
    ship(training, directory, history, loader, on, card)


def _training_images(task: Task, samples: Samples) -> tuple[Cache, np.ndarray]:
    """Return the cache and the rows to train on; test images with soft labels come last."""
    cache, rows = samples.cache, samples.cache.rows(task.train_ids)
    if task.soft is None:
        return cache, rows
    tests = cache.rows(samples.report.ids("test"))
    return with_soft_labels(cache, tests, task.soft, RunDir(task.run)), np.append(rows, tests)


def _judge(
    training: Training, task: Task, on: Validation, history: list[Row], row: Row, saver: Saver
) -> None:
    """Add the figures of the validation to `row`, and write the evidence of the best epoch."""
    figures, evidence = validate(training, training.kept, on, row["epoch"])
    row |= figures
    if training.world.rank == 0 and best_row([*history, row]) is row:
        saver.wait()  # so that evidence of this epoch is not sent with the epoch before
        # Written before the checkpoint, so that a resumed trial always finds it.
        write_oof_evidence(task.trial_dir.evidence, on.with_ids(task.val_ids, evidence))


def _save(
    training: Training, task: Task, history: list[Row], card: dict[str, Any], saver: Saver
) -> None:
    """On rank 0, begin to write and send the checkpoint and the row of the last epoch."""
    if training.world.rank:
        return
    path, row = epoch_path(task.trial_dir.checkpoints, len(history)), history[-1]
    saver.wait()
    state = snapshot(training.state(list(history)))

    def write() -> None:
        save_weights(path, state, card)
        append_row(task.trial_dir.history, row)

    saver.start(write, len(history), kept_epochs(task.spec, history))
    if task.station == "search":
        # The report may end the trial: the driver then reads its row, and another node continues.
        saver.wait()


def _network(model: nn.Module, spec: TrialSpec, world: World, epoch: int) -> nn.Module:
    """Return the network for this epoch's steps; it is rebuilt when the encoder is unfrozen."""
    set_frozen(model, spec, epoch)
    return compiled(world.wrap(model, spec.accumulate), spec.compile)


def build_training(
    task: Task, samples: Samples, world: World, state: dict[str, Any] | None
) -> Training:
    """Return the state of a training: a new one if `state` is None, else the one of a checkpoint.

    Raises ValueError when the weights of `trial.init` do not fit the network.
    """
    spec, report = task.spec, samples.report
    torch.manual_seed(spec.seed)
    encoder = weights_file(spec.model, samples.weights)
    if encoder is not None:
        bring_missing(encoder)
    maps = outputs(len(report.classes), report.target)
    model = build_model(spec.model, report.channels, maps, encoder)
    attach(model, maps, report.target, spec.deep_supervision, spec.presence)
    model = world.with_norms(model.to(world.device), spec.batch_norm)
    note = warm_start(model, spec) if spec.init and state is None else None
    if state is not None:
        spec = spec.model_copy(update={"accumulate": state["accumulate"]})
        model.load_state_dict(state["train_model"])
    parts, reason = asked_parts(task.trial_dir, spec)
    spec = spec.model_copy(update={"accumulate": parts})
    optimizer = build_optimizer(spec.optimizer, model)
    scaler = build_scaler(spec, world.device)
    ema, swa = build_ema(model, spec.ema), build_swa(model, spec.ship)
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        for average, name in ((ema, "ema"), (swa, "swa")):
            if average is not None:
                average.load_state_dict(state[name])
    epoch = state["epoch"] + 1 if state else 1
    labels = Probabilities(len(report.classes), report.target)
    pixels = class_pixels(report, samples.cache.rows(task.train_ids))
    table_VK = torch.from_numpy(labels.prob_VK).to(world.device) if task.soft else None
    return Training(
        network=_network(model, spec, world, epoch),
        model=model,
        ema=ema,
        swa=swa,
        optimizer=optimizer,
        scaler=scaler,
        loss=training_loss(spec, report.target, pixels, table_VK),
        spec=spec,
        world=world,
        notes=[text for text in (note, reason) if text],
        directory=task.directory,
    )
