"""Optimizers and learning-rate schedules. The names are keys of the dicts in `engine/`."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator

from raytrain.config.base import RISING, NamedByDefault, Spec
from raytrain.config.errors import unknown_name
from raytrain.config.names import TORCH_OPTIMIZERS, UNFIT_OPTIMIZERS

Share = Annotated[float, Field(ge=0, lt=1)]


class _OptimizerSpec(Spec):
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    decay_on: Literal["all", "weights"] = "all"
    """Parameters with weight decay: `weights` excludes biases and the parameters of norms."""
    encoder_lr_factor: float = Field(1.0, gt=0)
    """The encoder's rate as a multiple of `lr`, for models with a pretrainable encoder (smp)."""


class AdamSpec(_OptimizerSpec):
    """torch.optim.Adam."""

    name: Literal["adam"] = "adam"
    betas: tuple[Share, Share] = (0.9, 0.999)


class AdamWSpec(_OptimizerSpec):
    """torch.optim.AdamW (decoupled weight decay)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(1e-2, ge=0)
    betas: tuple[Share, Share] = (0.9, 0.999)


class RmsPropSpec(_OptimizerSpec):
    """torch.optim.RMSprop."""

    name: Literal["rmsprop"] = "rmsprop"
    alpha: float = Field(0.99, ge=0, lt=1)
    """Decay of the mean of squared gradients."""
    momentum: float = Field(0.0, ge=0, lt=1)
    centered: bool = False


class SgdSpec(_OptimizerSpec):
    """torch.optim.SGD."""

    name: Literal["sgd"] = "sgd"
    lr: float = Field(1e-2, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False


class TorchOptimizerSpec(_OptimizerSpec):
    """Any optimizer of torch.optim, such as `{name: torch, optimizer: RAdam}`."""

    name: Literal["torch"] = "torch"
    optimizer: str
    """The name of the optimizer's class."""
    weight_decay: float | None = Field(None, ge=0)  # type: ignore[assignment]  # null too
    """Weight decay; null: the class's own default."""
    parameters: dict[str, JsonValue] = {}
    """Further arguments of the class's constructor. They are tried out before a worker is
    requested."""

    @field_validator("optimizer")
    @classmethod
    def _known(cls, value: str) -> str:
        if value in UNFIT_OPTIMIZERS:
            raise ValueError(f"{value} cannot be used: {UNFIT_OPTIMIZERS[value]}; choose another")
        if value not in TORCH_OPTIMIZERS:
            raise ValueError(unknown_name(value, TORCH_OPTIMIZERS))
        return value


OptimizerSpec = Annotated[
    AdamSpec | AdamWSpec | RmsPropSpec | SgdSpec | TorchOptimizerSpec,
    Field(discriminator="name"),
    NamedByDefault("adam"),
]


class _ScheduleSpec(Spec):
    warmup_epochs: float = Field(0.0, ge=0)
    """Number of epochs at the start in which the rate rises linearly from 0."""


class ConstantSpec(_ScheduleSpec):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class StepSpec(_ScheduleSpec):
    """The rate is multiplied by `factor` every `every` epochs (torch's StepLR)."""

    name: Literal["step"] = "step"
    every: int = Field(30, ge=1)
    """Number of epochs from one reduction to the next."""
    factor: float = Field(0.1, gt=0, le=1)


class MultiStepSpec(_ScheduleSpec):
    """The rate is multiplied by `factor` after each of these epochs (torch's MultiStepLR)."""

    name: Literal["multi_step"] = "multi_step"
    milestones: Annotated[tuple[Annotated[int, Field(ge=1)], ...], RISING] = Field(min_length=1)
    factor: float = Field(0.1, gt=0, le=1)


class CosineSpec(_ScheduleSpec):
    """The rate falls along half a cosine from `lr` to `floor` times `lr` (Loshchilov & Hutter
    2017)."""

    name: Literal["cosine"] = "cosine"
    floor: float = Field(0.0, ge=0, le=1)


class OneCycleSpec(_ScheduleSpec):
    """The rate rises to `lr` and falls again along cosines (Smith & Topin 2018). Parameters are
    named as in torch's OneCycleLR; the momentum is not cycled."""

    name: Literal["one_cycle"] = "one_cycle"
    pct_start: float = Field(0.3, gt=0, lt=1)
    """Share of the steps in which the rate rises."""
    div_factor: float = Field(25.0, ge=1)
    """The rate starts at lr / div_factor."""
    final_div_factor: float = Field(1e4, ge=1)
    """The rate ends at lr / div_factor / final_div_factor."""


class PolynomialSpec(_ScheduleSpec):
    """The rate is lr * (1 - progress) ** power, as nnU-Net trains."""

    name: Literal["polynomial"] = "polynomial"
    power: float = Field(0.9, gt=0)


class PlateauSpec(_ScheduleSpec):
    """The rate is multiplied by `factor` whenever a figure stops improving (torch's
    ReduceLROnPlateau).

    Every epoch counts, also the epochs of the warm-up.
    """

    name: Literal["plateau"] = "plateau"
    watch: Literal["val_loss", "val_score", "val_dice", "train_loss"] = "val_loss"
    """The figure to watch. Members that are trained on all labeled images have only
    `train_loss`."""
    factor: float = Field(0.1, gt=0, lt=1)
    patience: int = Field(10, ge=0)
    """Number of epochs without improvement before the rate is reduced."""
    threshold: float = Field(1e-4, ge=0)
    """Smallest change relative to the best figure that counts as an improvement."""
    cooldown: int = Field(0, ge=0)
    """Number of epochs after a reduction that are not counted."""
    floor: float = Field(0.0, ge=0, le=1)
    """The lowest rate, as a share of `lr`."""


ScheduleSpec = Annotated[
    ConstantSpec
    | StepSpec
    | MultiStepSpec
    | CosineSpec
    | OneCycleSpec
    | PolynomialSpec
    | PlateauSpec,
    Field(discriminator="name"),
    NamedByDefault("cosine"),
]
