"""A trained network with all that it needs around it, from its checkpoint alone.

Shape suffixes: B images, C channels, K classes, H x W pixels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from raytrain.config.target import Target, outputs
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Scaling
from raytrain.engine.checkpoint import CARD_REMEDY, load_checkpoint
from raytrain.models import build_model
from raytrain.models.auxiliary import PART, attach
from raytrain.runs.extensions import load_extensions
from raytrain.runs.files import DamagedError, read_json
from raytrain.runs.layout import RunDir


@dataclass(frozen=True)
class Card:
    """What the `.json` beside a checkpoint says of it."""

    spec: TrialSpec
    scaling: Scaling
    target: Target
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int]
    """Height and width of what the network was trained on."""


def read_card(checkpoint: Path) -> Card:
    """Of a checkpoint in its run's folder also where a user's file has its parts: the run kept it.

    Raises ValueError when there is no card, or such a file is not there.
    """
    path = checkpoint.with_suffix(".json")
    if not path.is_file():
        raise ValueError(f"{checkpoint}: not a checkpoint of ours, for {path.name} is not there")
    card: dict[str, Any] = read_json(path, CARD_REMEDY)
    parents = checkpoint.absolute().parents
    if len(parents) > 3:
        # <run>/trials/<fingerprint>/checkpoints/<file>
        load_extensions(RunDir(parents[3]))
    try:
        scaling, (height, width) = card["scaling"], card["size"]
        return Card(
            spec=TrialSpec.model_validate(card["spec"]),
            scaling=Scaling(tuple(scaling["mean"]), tuple(scaling["std"]), scaling["per_image"]),
            target=card["target"],
            classes=tuple(card["classes"]),
            channels=card["channels"],
            size=(height, width),
        )
    except KeyError as error:
        raise DamagedError(path, f"{error} is not there", CARD_REMEDY) from None
    except ValidationError as error:
        reasons = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ValueError(
            f"{checkpoint}: {reasons}. A run keeps the files that it extends by in its folder "
            "extend/: load the checkpoint from there, or name the file first with "
            "raytrain.config.extend.extend_from([Path('my.py')])"
        ) from None


def load_network(checkpoint: Path) -> nn.Module:
    """The bare network on the CPU, for normalised images, in evaluation mode."""
    card = read_card(checkpoint)
    maps = outputs(len(card.classes), card.target)
    model = build_model(card.spec.model, card.channels, maps, None)
    presence = card.spec.presence
    if presence is not None and presence.threshold is not None:
        attach(model, maps, card.target, None, presence)
    state, known = load_checkpoint(checkpoint)["model"], model.state_dict()
    # Heads that only training has are left behind.
    model.load_state_dict(
        {
            name: value
            for name, value in state.items()
            if name in known or not name.startswith(f"{PART}.")
        }
    )
    return model.eval()


class Predictor(nn.Module):
    """From images in the data's own values to probabilities; float32."""

    def __init__(self, network: nn.Module, card: Card):
        super().__init__()
        self.network, self.card = network, card
        self.register_buffer("mean_C", torch.tensor(card.scaling.mean))
        self.register_buffer("std_C", torch.tensor(card.scaling.std))

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """prob_BKHW in 0 .. 1 of image_BCHW (float32, such as 0 .. 255): over the classes, or of
        each overlapping class, in the order of `card.classes` without its background."""
        if self.card.scaling.per_image:
            mean = image_BCHW.mean((2, 3), keepdim=True)
            std = image_BCHW.std((2, 3), keepdim=True, correction=0)
        else:
            mean, std = self.mean_C[:, None, None], self.std_C[:, None, None]  # type: ignore[index]
        logits_BKHW = self.network((image_BCHW - mean) / (std + 1e-6))
        single = self.card.target == "single_label"
        return logits_BKHW.softmax(1) if single else logits_BKHW.sigmoid()


def load_predictor(checkpoint: Path | str) -> Predictor:
    """The network of a checkpoint file, ready to predict.

    Raises ValueError when the file is not a whole checkpoint.
    """
    path = Path(checkpoint)
    return Predictor(load_network(path), read_card(path)).eval()
