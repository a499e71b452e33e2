"""The shipped weights of a training, made and scored after its last epoch.

Writes `checkpoints/<kind>.pt` for each requested kind of weights and, last, `shipped.json`.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from raytrain.config.shipping import OneShip, SwaSpec, candidates
from raytrain.data.dataset import Batch
from raytrain.engine.checkpoint import epoch_path, load_checkpoint, save_weights, writing
from raytrain.engine.ema import finish_mean
from raytrain.engine.loop import Training
from raytrain.engine.validation import Validation, validate
from raytrain.runs.chosen_epochs import shipped_epochs
from raytrain.runs.files import DamagedError, write_json
from raytrain.runs.history import Row
from raytrain.runs.layout import TrialDir
from raytrain.runs.record import read_shipped_json

CardOf = Callable[[Row], dict[str, Any]]
"""Returns the description of a checkpoint whose figures are in this row."""


@dataclass(frozen=True)
class Shipped:
    """The kind of weights that a training ships, and all kinds that were made and scored."""

    kind: str
    """Label of the kind of weights that is shipped."""
    kinds: dict[str, dict[str, Any]]
    """For each kind of weights, the `epochs` that are averaged, and the validation figures."""


def ship(
    training: Training,
    directory: TrialDir,
    history: list[Row],
    loader: DataLoader[Batch],
    on: Validation | None,
    card: CardOf,
) -> Shipped:
    """Make, score and save each kind of weights in `trial.ship`, and return their scores. The best
    kind is shipped. `on` has the validation images, if there are any.

    Raises ValueError when a kind needs validation images and there are none.
    """
    spec, world = training.spec, training.world
    kinds: dict[str, dict[str, Any]] = {}
    for kind in candidates(spec.ship):
        epochs = shipped_epochs(kind, history, spec.epochs)
        if not epochs or (on is None and len(candidates(spec.ship)) > 1):
            name = spec.ship.name
            raise ValueError(f"trial.ship: {name} needs validation images; choose last or swa")
        model = _weights(training, directory.checkpoints, kind, epochs, loader)
        row = history[epochs[0] - 1]
        if len(epochs) > 1:
            row = validate(training, model, on, history[-1]["epoch"])[0] if on else {}
        figures = {key: value for key, value in row.items() if key.startswith("val_")}
        kinds[kind.label] = {"epochs": list(epochs), **figures}
        if world.rank == 0:
            state = {"model": model.state_dict(), "epoch": history[-1]["epoch"]}
            path = directory.checkpoints / f"{kind.label}.pt"
            with writing(path, history[-1]["epoch"]):
                save_weights(path, state, card({"epochs": list(epochs), **figures}))
    # Without validation there is one kind, and its score does not matter.
    best = max(kinds, key=lambda label: kinds[label].get("val_score", 0.0))
    shipped = Shipped(best, kinds)
    if world.rank == 0:
        write_json(directory.shipped, asdict(shipped))
    world.barrier()
    return shipped


def read_shipped(directory: TrialDir) -> Shipped:
    """Return the shipped weights of a training. Raises ValueError when the training did not reach
    its end."""
    tree = read_shipped_json(directory)
    if tree is None:
        raise ValueError(
            f"{directory.path}: this training has not ended, so it has no shipped weights; run its "
            "command again to finish it"
        )
    try:
        return Shipped(**tree)
    except TypeError as error:
        raise DamagedError(directory.shipped, str(error), directory.remedy) from None


def shipped_fault(directory: TrialDir) -> str | None:
    """Return why the weights of a finished training cannot be loaded, or None."""
    try:
        for label in read_shipped(directory).kinds:
            load_checkpoint(directory.checkpoints / f"{label}.pt")
    except ValueError as error:
        return str(error)
    return None


def shipped_checkpoint(directory: TrialDir) -> Path:
    """Return the file of the shipped weights. Raises ValueError when the training did not reach its
    end."""
    return directory.checkpoints / f"{read_shipped(directory).kind}.pt"


def _weights(
    training: Training,
    folder: Path,
    kind: OneShip,
    epochs: tuple[int, ...],
    loader: DataLoader[Batch],
) -> nn.Module:
    """Return the network with the mean weights of these epochs."""
    if len(epochs) == 1:
        model = deepcopy(training.model)
        model.load_state_dict(load_checkpoint(epoch_path(folder, epochs[0]))["model"])
        return model
    mean = training.swa if isinstance(kind, SwaSpec) else _mean(training.model, folder, epochs)
    assert mean is not None

    # Dropout draws random numbers while the statistics are computed.
    torch.manual_seed(training.spec.seed)
    finish_mean(mean, loader, training.world)
    return mean.module


def _mean(model: nn.Module, folder: Path, epochs: tuple[int, ...]) -> AveragedModel:
    part = deepcopy(model)
    mean = AveragedModel(part)
    for epoch in epochs:
        part.load_state_dict(load_checkpoint(epoch_path(folder, epoch))["model"])
        mean.update_parameters(part)
    return mean
