"""A trained network with its preprocessing, loaded from its checkpoint alone.

Shape suffixes: B images, C channels, K classes, H x W pixels, h rows of a strip.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from raytrain.config.target import Target, outputs
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Scaling, units
from raytrain.data.framing import Frame, joined
from raytrain.engine.checkpoint import CARD_REMEDY, load_checkpoint
from raytrain.engine.precision import set_float32
from raytrain.engine.step import forward, probabilities
from raytrain.engine.views import IDENTITY, View, mean_over
from raytrain.models import build_model
from raytrain.models.heads import PART, attach
from raytrain.runs.extensions import load_extensions, refuse_foreign, run_of
from raytrain.runs.files import DamagedError, read_json


@dataclass(frozen=True)
class Card:
    """The content of a checkpoint's `.json`."""

    spec: TrialSpec
    scaling: Scaling
    target: Target
    classes: tuple[str, ...]
    channels: int
    dtype: str
    """Data type of the images."""
    size: tuple[int, int]
    """Height and width of the network's training input."""


def read_card(checkpoint: Path) -> Card:
    """Return the content of a checkpoint's `.json`. In a run's folder, the Python files of the
    job's `extend` are loaded, too.

    Raises ValueError when there is no `.json`, or when a Python file that it needs is missing.
    """
    path = checkpoint.with_suffix(".json")
    if not path.is_file():
        raise ValueError(
            f"{checkpoint}: not a checkpoint of raytrain: {path.name} is missing beside it; copy "
            "both files together"
        )
    card: dict[str, Any] = read_json(path, CARD_REMEDY)
    run = run_of(checkpoint)
    if run is not None:
        load_extensions(run)
    try:
        scaling, (height, width) = card["scaling"], card["size"]
        return Card(
            spec=TrialSpec.model_validate(card["spec"]),
            scaling=Scaling(tuple(scaling["mean"]), tuple(scaling["std"]), scaling["per_image"]),
            target=card["target"],
            classes=tuple(card["classes"]),
            channels=card["channels"],
            dtype=card["dtype"],
            size=(height, width),
        )
    except KeyError as error:
        raise DamagedError(path, f"{error} is missing", CARD_REMEDY) from None
    except ValidationError as error:
        reasons = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ValueError(
            f"{checkpoint}: {reasons}. A run keeps the files of its job's `extend` in its folder "
            "extend/: load the checkpoint from there, or name the file first with "
            "raytrain.config.extend.extend_from([Path('my.py')])"
        ) from None


def load_network(checkpoint: Path) -> nn.Module:
    """Return the network on the CPU in evaluation mode. Its input are normalized images."""
    card = read_card(checkpoint)
    maps = outputs(len(card.classes), card.target)
    model = build_model(card.spec.model, card.channels, maps, None)
    presence = card.spec.presence
    if presence is not None and presence.threshold is not None:
        attach(model, maps, card.target, None, presence)
    state, known = load_checkpoint(checkpoint)["model"], model.state_dict()
    # Heads for training only are dropped.
    model.load_state_dict(
        {
            name: value
            for name, value in state.items()
            if name in known or not name.startswith(f"{PART}.")
        }
    )
    return model.eval()


class Program(nn.Module):
    """A network with its scaling, in the form that is exported: from a window's image values to
    probabilities, in float32."""

    def __init__(self, network: nn.Module, card: Card):
        super().__init__()
        self.network, self.card = network, card
        self.register_buffer("mean_C", torch.tensor(card.scaling.mean))
        self.register_buffer("std_C", torch.tensor(card.scaling.std))

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return prob_BKHW in 0 .. 1 of windows (float32 in the data's own range, such as 0 ..
        255).

        With one class per pixel it is a distribution over the classes. With overlapping classes the
        classes are independent, in the order of `card.classes` without the background.
        """
        if self.card.scaling.per_image:
            mean = image_BCHW.mean((2, 3), keepdim=True)
            std = image_BCHW.std((2, 3), keepdim=True, correction=0)
        else:
            mean, std = self.mean_C[:, None, None], self.std_C[:, None, None]  # type: ignore[index]
        logits_BKHW = self.network((image_BCHW - mean) / (std + 1e-6))
        return probabilities(logits_BKHW, self.card.target)


def frame_of(card: Card, largest_HW: tuple[int, int]) -> Frame:
    """Return how a checkpoint's network takes images of a run, or new images. `largest_HW` is the
    largest height and width of these images, which may differ from those in training.

    A window is never smaller than in training, because a network may refuse a smaller one.
    """
    (height, width), (own_height, own_width) = card.size, largest_HW
    return Frame(card.spec.framing, (max(height, own_height), max(width, own_width)))


@torch.inference_mode()
def predicted_strips(
    network: nn.Module, card: Card, cache: Cache, rows: np.ndarray, frame: Frame,
    views: tuple[View, ...] = (IDENTITY,),
) -> Iterator[tuple[int, torch.Tensor]]:  # fmt: skip
    """Yield the probabilities of these samples in horizontal strips from top to bottom: the
    sample's row in `cache`, and prob_KhW (float32) on the network's device. They have the samples'
    own sizes, and are the mean over `views`.

    Batches depend on `rows` alone, so the same call gives the same bits.
    """
    spec = card.spec

    def of_view(image_BCHW: torch.Tensor) -> torch.Tensor:
        return probabilities(forward(network, image_BCHW, spec.precision), card.target)

    set_float32(spec.precision)
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    for unit in units(cache, frame, rows, card.scaling, spec.at_once):
        maps = (mean_over(views, of_view, batch.image_BCHW.to(device)) for batch in unit.batches)
        yield from frame.strips(maps, unit.windows, cache)


@torch.inference_mode()
def predicted(
    network: nn.Module, card: Card, cache: Cache, rows: np.ndarray, frame: Frame,
    views: tuple[View, ...] = (IDENTITY,),
) -> Iterator[torch.Tensor]:  # fmt: skip
    """Yield prob_KHW of each sample, joined from the strips of `predicted_strips`."""
    for _, prob_KHW in joined(predicted_strips(network, card, cache, rows, frame, views), cache):
        yield prob_KHW


def exportable(checkpoint: Path, trust: bool) -> Program:
    """Return a checkpoint's network with its scaling, for windows of its training size.

    `trust` allows running the Python files in the `extend` of the checkpoint's run. Raises
    ValueError that names these files if they are needed and `trust` is not given, and when the file
    is not a complete checkpoint.
    """
    run = run_of(checkpoint)
    if run is not None and not trust:
        refuse_foreign(run)
    return Program(load_network(checkpoint), read_card(checkpoint)).eval()
