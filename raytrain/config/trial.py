"""What one training run is: model, loss, optimizer, schedule and how long.

The names of its parts are the keys of the literal dicts in `models/`, `losses/` and `engine/`; a
test holds them equal.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.auxiliary import DeepSupervisionSpec, PresenceSpec
from raytrain.config.base import Spec
from raytrain.config.framing import AutoSpec, FramingSpec
from raytrain.config.length import LengthSpec
from raytrain.config.losses import CrossEntropySpec, LossTerm
from raytrain.config.mixing import MixSpec
from raytrain.config.models import ModelSpec, PixelsBase, UNetSpec
from raytrain.config.optimizers import AdamSpec, CosineSpec, OptimizerSpec, ScheduleSpec
from raytrain.config.shipping import EarlyStopSpec, EpochsSpec, KeepSpec, LastSpec, ShipSpec

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
OF_STEPS = "of gradient steps"
"""Marks the fields that mean nothing to a training without gradient steps."""


class TrialSpec(Spec):
    """Everything that decides the numbers of one training run, but for its data and its fold."""

    model: ModelSpec = UNetSpec()
    init: Annotated[str | None, OF_STEPS] = None
    """A checkpoint of another training whose weights this one starts from; layers of other names or
    shapes (a head for other classes) start anew, and the record names them."""
    init_sha256: Annotated[str | None, OF_STEPS] = None
    """Of that file, as its `.json` says; filled in before the start, so that the fingerprint covers
    what the file holds. Weights of any other are refused."""
    freeze_encoder: Annotated[int, OF_STEPS] = Field(0, ge=0)
    """Epochs at the start in which the encoder, its running statistics too, stays as it is."""
    loss: tuple[LossTerm, ...] = (CrossEntropySpec(),)
    """A weighted sum of named terms."""
    deep_supervision: Annotated[DeepSupervisionSpec | None, OF_STEPS] = None
    """The loss also at the decoder's coarser stages; null: at the network's maps alone."""
    presence: Annotated[PresenceSpec | None, OF_STEPS] = None
    """A head that learns which classes an image shows; null: none."""
    optimizer: Annotated[OptimizerSpec, OF_STEPS] = AdamSpec()
    schedule: Annotated[ScheduleSpec, OF_STEPS] = CosineSpec()
    epochs: int = Field(60, ge=1)
    """What the schedule is laid out for."""
    length: Annotated[LengthSpec | None, OF_STEPS] = None
    """`{steps: 5000}` or `{samples: 200000}` in place of `epochs`: epochs of the images that the
    search trains on, the last of them cut, worked out and said before the start."""
    last_epoch_share: Annotated[float, OF_STEPS] = Field(1.0, gt=0, le=1)
    """Of the windows of epoch number `epochs`, those that are trained on; `length` works it out."""
    until: Annotated[int | None, OF_STEPS] = Field(None, ge=1)
    """Training ends after this epoch, its schedule that of `epochs`; null: after the last."""
    stop: Annotated[EarlyStopSpec | None, OF_STEPS] = None
    """Ends training when a figure has stopped getting better; null: never."""
    ship: Annotated[ShipSpec, OF_STEPS] = LastSpec()
    """Which epochs' weights are shipped, such as `{name: average_best, count: 5}`."""
    keep: KeepSpec = KeepSpec()
    """Which checkpoints stay on disk."""
    batch_size: int = Field(8, ge=1)
    """Images a step over all workers together."""
    accumulate: Annotated[int, OF_STEPS] = Field(1, ge=1)
    """Parts that each worker takes its share of a batch in, one after another, for less memory: the
    step is that of the whole share but for BatchNorm and losses that pool the batch."""
    evaluation_batch: int | None = Field(None, ge=1)
    """Images at once in validation and prediction; null: `batch_size`."""
    augmentation: AugmentationSpec = "slices"
    """A preset's name, or a list such as `[slices, {name: HorizontalFlip, p: 0.5}]`."""
    copies: int = Field(0, ge=0)
    """Augmented copies of the training set beside the plain one, the same ones in every epoch, as
    source systems A, B and C grew it; 0: every epoch augments every image anew."""
    hold: Annotated[Literal["auto", "device", "host"], OF_STEPS] = "auto"
    """Where the training windows stand and are augmented: on the device, the whole batch at once,
    or on the host, one by one, by the same presets with other draws. `auto`: on a GPU whose memory
    takes them at ease, if it can do all transforms; the record says which it was."""
    mix: Annotated[MixSpec | None, OF_STEPS] = None
    """Mixes the images of a step: `mixup`, `cutmix` or null."""
    positive_share: float | None = Field(None, gt=0, le=1)
    """Share of an epoch's windows that have foreground before they are augmented; null: as it is
    in the data. The epoch stays as long, so rare windows come more than once in it."""
    framing: FramingSpec = AutoSpec()
    """How images become the network's input: whole, resize, pad or tiles; `auto` is whole, or tiles
    where images have several sizes."""
    normalization: Literal["dataset", "image", "imagenet"] = "dataset"
    """Zero mean and unit variance over the training images, over each image, or by the figures
    of ImageNet (images of 8 bits with 3 channels, or 1)."""
    precision: Annotated[Precision, OF_STEPS] = "fp32"
    """What convolutions and products are computed in. `fp32` is full float32 on GPUs, too; `tf32`
    and `fp16`, whose loss is scaled, are for GPUs only. Weights and losses are float32 always."""
    batch_norm: Annotated[Literal["per_worker", "synced"], OF_STEPS] = "per_worker"
    """What BatchNorm normalises by: each worker's share of the batch, or the whole of it
    (SyncBatchNorm; on GPUs only). With one worker both are the same."""
    compile: Annotated[Literal["off", "default", "max-autotune"], OF_STEPS] = "off"
    """torch.compile's mode; it needs a C++ compiler on every node."""
    ema: Annotated[float, OF_STEPS] = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights that is evaluated and kept; 0 is off."""
    clip_norm: Annotated[float, OF_STEPS] = Field(0.0, ge=0)
    """Largest gradient norm; 0 is off."""
    not_finite: Annotated[Literal["stop", "skip"], OF_STEPS] = "stop"
    """A step whose loss or gradients are not finite ends the training, or is left out and counted
    in the epoch's row; to leave one out waits for the device where the optimizer is not fused."""
    seed: int = Field(0, ge=0)

    @property
    def last_epoch(self) -> int:
        """Where training ends unless it stops early."""
        return min(self.epochs, self.until or self.epochs)

    @property
    def at_once(self) -> int:
        """Images at once in validation and prediction."""
        return self.evaluation_batch or self.batch_size

    @property
    def network_label(self) -> str:
        """The network in short, such as `unet16x4`."""
        return self.model.label

    @property
    def loss_label(self) -> str:
        """The loss in short, such as `cross_entropy+dice`."""
        return "+".join(term.name for term in self.loss)

    @property
    def label(self) -> str:
        """The whole in short, such as `unet16x4_cross_entropy+dice_lr0.001`."""
        if isinstance(self.model, PixelsBase):
            return self.network_label
        return f"{self.network_label}_{self.loss_label}_lr{self.optimizer.lr:g}"

    def laid_out_for(self, epochs: int) -> Self:
        """The same training over this many epochs; its schedule is stretched or shortened."""
        new = {"epochs": epochs, "until": None, "last_epoch_share": 1.0}
        return self.model_copy(update=new)

    @field_validator("loss")
    @classmethod
    def _has_a_term(cls, value: tuple[LossTerm, ...]) -> tuple[LossTerm, ...]:
        if not value:
            raise ValueError("give at least one term, such as [{name: cross_entropy}]")
        return value

    @model_validator(mode="after")
    def _ships_what_is_trained(self) -> Self:
        if isinstance(self.ship, EpochsSpec) and self.ship.at[-1] > self.last_epoch:
            raise ValueError(
                f"ship.at: training ends after epoch {self.last_epoch} (got {self.ship.at[-1]})"
            )
        return self
