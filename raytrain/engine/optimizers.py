"""Optimizers by name, and their parameter groups."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from raytrain.config.errors import unknown_name
from raytrain.config.optimizers import (
    AdamSpec,
    AdamWSpec,
    OptimizerSpec,
    RmsPropSpec,
    SgdSpec,
    TorchOptimizerSpec,
)

Groups = list[dict[str, Any]]
"""torch's parameter groups, each with its own `lr`, `initial_lr` and `weight_decay`."""

OURS = (
    "params", "lr", "weight_decay", "maximize", "differentiable", "capturable", "foreach", "fused",
)  # fmt: skip
"""Arguments of torch's constructors that other fields of the spec set, or that do not suit
training."""


def _adam(spec: AdamSpec, groups: Groups) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, betas=spec.betas, fused=True)


def _adamw(spec: AdamWSpec, groups: Groups) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, betas=spec.betas, fused=True)


def _rmsprop(spec: RmsPropSpec, groups: Groups) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(
        groups, alpha=spec.alpha, momentum=spec.momentum, centered=spec.centered
    )


def _sgd(spec: SgdSpec, groups: Groups) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, momentum=spec.momentum, nesterov=spec.nesterov, fused=True)


def _torch(spec: TorchOptimizerSpec, groups: Groups) -> torch.optim.Optimizer:
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.parameters.items()}
    return getattr(torch.optim, spec.optimizer)(groups, **values)


OPTIMIZERS: dict[str, Callable[[Any, Groups], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "rmsprop": _rmsprop,
    "sgd": _sgd,
    "torch": _torch,
}
"""Name -> builder(spec, parameter groups)."""


def build_optimizer(spec: OptimizerSpec, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimizer of a spec for all parameters of a model, in torch's fused form if there
    is one.

    Raises ValueError when the spec has a rate for the encoder and the model has no encoder.
    """
    return OPTIMIZERS[spec.name](spec, _groups(spec, model))


def optimizer_problem(spec: OptimizerSpec, model: nn.Module) -> str | None:
    """Return why this optimizer cannot train this model, or None. The model may be on the meta
    device.

    The optimizer is built for a small layer and makes one step. This finds values that torch
    refuses, and optimizers that need more than gradients.
    """
    if isinstance(spec, TorchOptimizerSpec):
        signature = inspect.signature(getattr(torch.optim, spec.optimizer))
        known = [name for name in signature.parameters if name not in OURS]
        for name in spec.parameters:
            if name in OURS:
                return f"parameters.{name}: raytrain sets it; leave it out"
            if name not in known:
                return f"parameters.{name}: {unknown_name(name, known)}"
    probe = nn.Conv2d(1, 1, 1)
    probe.encoder = nn.Conv2d(1, 1, 1)
    for parameter in probe.parameters():
        parameter.grad = torch.ones_like(parameter)
    try:
        _groups(spec, model)
        build_optimizer(spec, probe).step()
    except Exception as error:  # each class of torch.optim refuses in its own way
        return str(error).strip().split("\n")[0] or type(error).__name__
    return None


def _groups(spec: OptimizerSpec, model: nn.Module) -> Groups:
    """Group the parameters by rate and decay, the encoder's groups last. If all parameters are
    treated alike, there is one group. Raises ValueError when the encoder has a rate of its own and
    the network has no encoder."""
    inside: set[int] = set()
    if spec.encoder_lr_factor != 1:
        encoder = getattr(model, "encoder", None)
        if not isinstance(encoder, nn.Module):
            raise ValueError(
                "encoder_lr_factor: this model has no separate encoder; leave it out, or choose "
                "a model with one, such as {name: smp}"
            )
        inside = {id(parameter) for parameter in encoder.parameters()}
    parts: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        # As in timm, norms and biases are recognized as vectors.
        spared = parameter.ndim <= 1 or name.endswith(".bias")
        key = (id(parameter) in inside, spared and spec.decay_on == "weights")
        parts.setdefault(key, []).append(parameter)
    groups = []
    for (encoder_part, spared), parameters in sorted(parts.items(), key=lambda item: item[0]):
        lr = spec.lr * (spec.encoder_lr_factor if encoder_part else 1.0)
        group: dict[str, Any] = {"params": parameters, "lr": lr, "initial_lr": lr}
        decay = 0.0 if spared else spec.weight_decay
        groups.append(group if decay is None else {**group, "weight_decay": decay})
    return groups
