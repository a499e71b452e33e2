"""Optimizers and learning-rate schedules. The names are keys of the dicts in `engine/`."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec


class _OptimizerSpec(Spec):
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)


class AdamSpec(_OptimizerSpec):
    """torch.optim.Adam."""

    name: Literal["adam"] = "adam"


class AdamWSpec(_OptimizerSpec):
    """torch.optim.AdamW (decoupled weight decay)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(1e-2, ge=0)


class SgdSpec(_OptimizerSpec):
    """torch.optim.SGD."""

    name: Literal["sgd"] = "sgd"
    lr: float = Field(1e-2, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False


OptimizerSpec = Annotated[AdamSpec | AdamWSpec | SgdSpec, Field(discriminator="name")]


class _ScheduleSpec(Spec):
    warmup_epochs: float = Field(0.0, ge=0)
    """The rate rises linearly from 0 over this many epochs first."""


class ConstantSpec(_ScheduleSpec):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class CosineSpec(_ScheduleSpec):
    """Half a cosine from the learning rate down to `floor` times it (Loshchilov & Hutter 2017)."""

    name: Literal["cosine"] = "cosine"
    floor: float = Field(0.0, ge=0, le=1)


class PolynomialSpec(_ScheduleSpec):
    """lr * (1 - progress) ** power, as nnU-Net trains."""

    name: Literal["polynomial"] = "polynomial"
    power: float = Field(0.9, gt=0)


ScheduleSpec = Annotated[ConstantSpec | CosineSpec | PolynomialSpec, Field(discriminator="name")]
