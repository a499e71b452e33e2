"""Losses of one term, and random answers for them."""

import torch
from pydantic import TypeAdapter

from raytrain.config.losses import (
    LossTerm,
)
from raytrain.config.target import Target
from raytrain.losses import Loss, build_loss

PIXELS = (6, 4, 2)
"""Of the classes in a training set."""


def loss_of(spec: LossTerm, target: Target = "single_label") -> Loss:
    """The term alone, weighed 1."""
    return build_loss((spec.model_copy(update={"weight": 1.0}),), target, PIXELS)


def default_loss(name: str, target: Target = "single_label") -> Loss:
    return loss_of(TypeAdapter(LossTerm).validate_python({"name": name}), target)


def random_answer(seed: int, shape: tuple[int, int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """logits_BKHW float64 and a target_BHW in which every class occurs."""
    generator = torch.Generator().manual_seed(seed)
    images, classes, height, width = shape
    logits = torch.randn(shape, generator=generator, dtype=torch.float64)
    target = torch.randint(classes, (images, height, width), generator=generator)
    target.flatten(1)[:, :classes] = torch.arange(classes)
    return logits, target
