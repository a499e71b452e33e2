"""What one training run is: model, loss, optimizer, schedule and how long. Its names are the
keys of the literal dicts in `models/`, `losses/` and `engine/` (a test holds the sets equal)."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.framing import FramingSpec, WholeSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS


class UNetSpec(Spec):
    """The classic U-Net (Ronneberger et al. 2015) of source systems A and B."""

    name: Literal["unet"] = "unet"
    width: int = Field(16, ge=1)
    """Channels of the first stage; each deeper stage doubles them."""
    depth: int = Field(4, ge=1, le=6)
    """Down-sampling steps."""
    norm: Literal["batch", "group"] = "batch"
    """`group` gives the same gradients whatever the number of workers."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Channel dropout at the bottleneck."""


class SmpSpec(Spec):
    """A decoder and an encoder of segmentation-models-pytorch."""

    name: Literal["smp"] = "smp"
    decoder: str = "unet"
    encoder: str = "resnet18"
    weights: str | None = None
    """`null` (random), `imagenet`, or the path of a state-dict file for the encoder."""

    @field_validator("decoder")
    @classmethod
    def _known_decoder(cls, value: str) -> str:
        if value not in SMP_DECODERS:
            raise ValueError(unknown_name(value, SMP_DECODERS))
        return value

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str) -> str:
        if value not in SMP_ENCODERS:
            raise ValueError(unknown_name(value, SMP_ENCODERS))
        return value


ModelSpec = Annotated[UNetSpec | SmpSpec, Field(discriminator="name")]


class _LossTerm(Spec):
    weight: float = Field(1.0, gt=0)
    """Factor of this term in the sum."""


class CrossEntropySpec(_LossTerm):
    """Pixel-wise cross-entropy on the softmax over classes."""

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class DiceSpec(_LossTerm):
    """1 - Dice with the batch pooled per class (Milletari et al. 2016, without squares)."""

    name: Literal["dice"] = "dice"
    background: bool = False
    """Whether class 0 counts too."""


class SoftDiceSpec(_LossTerm):
    """1 - Dice per image and class, with squared terms in the denominator."""

    name: Literal["soft_dice"] = "soft_dice"
    background: bool = False
    """Whether class 0 counts too."""


LossTerm = Annotated[CrossEntropySpec | DiceSpec | SoftDiceSpec, Field(discriminator="name")]


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


class TrialSpec(Spec):
    """Everything that decides the numbers of one training run, but for its data and its fold."""

    model: ModelSpec = UNetSpec()
    loss: tuple[LossTerm, ...] = (CrossEntropySpec(),)
    """A weighted sum of named terms."""
    optimizer: OptimizerSpec = AdamSpec()
    schedule: ScheduleSpec = CosineSpec()
    epochs: int = Field(60, ge=1)
    batch_size: int = Field(8, ge=1)
    """Images a step over all workers together."""
    augmentation: AugmentationSpec = "slices"
    """A preset's name, or a list such as `[slices, {name: HorizontalFlip, p: 0.5}]`."""
    copies: int = Field(0, ge=0)
    """Augmented copies of the training set beside the plain one, the same ones in every epoch, as
    source systems A, B and C grew it; 0: every epoch augments every image anew."""
    framing: FramingSpec = WholeSpec()
    """How images become the network's input: whole, resize, pad or tiles."""
    normalization: Literal["dataset", "image", "imagenet"] = "dataset"
    """Zero mean and unit variance over the training images, over each image, or by the figures
    of ImageNet (images of 8 bits with 3 channels, or 1)."""
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: Literal["off", "default", "max-autotune"] = "off"
    """torch.compile's mode; it needs a C++ compiler on every node."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights that is evaluated and kept; 0 is off."""
    clip_norm: float = Field(0.0, ge=0)
    """Largest gradient norm; 0 is off."""
    seed: int = Field(0, ge=0)

    @property
    def network_label(self) -> str:
        """The network in short, such as `unet16x4`."""
        if isinstance(self.model, UNetSpec):
            return f"unet{self.model.width}x{self.model.depth}"
        return f"{self.model.decoder}-{self.model.encoder}"

    @property
    def loss_label(self) -> str:
        """The loss in short, such as `cross_entropy+dice`."""
        return "+".join(term.name for term in self.loss)

    @property
    def label(self) -> str:
        """The whole in short, such as `unet16x4_cross_entropy+dice_lr0.001`."""
        return f"{self.network_label}_{self.loss_label}_lr{self.optimizer.lr:g}"

    @field_validator("model", "optimizer", "schedule", "framing", mode="before")
    @classmethod
    def _default_name(cls, value: Any, info: ValidationInfo) -> Any:
        """`{lr: 3e-4}` means the default optimizer with that rate."""
        if isinstance(value, dict) and "name" not in value:
            return {"name": cls.model_fields[str(info.field_name)].default.name, **value}
        return value

    @field_validator("loss")
    @classmethod
    def _has_a_term(cls, value: tuple[LossTerm, ...]) -> tuple[LossTerm, ...]:
        if not value:
            raise ValueError("give at least one term, such as [{name: cross_entropy}]")
        return value
