"""One training run: model, loss, optimizer, schedule and length.

The names of the parts are the keys of the literal dicts in `models/`, `losses/` and `engine/`; a
test checks that both agree.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.auxiliary import DeepSupervisionSpec, PresenceSpec
from raytrain.config.base import Spec
from raytrain.config.framing import AutoSpec, FramingSpec
from raytrain.config.losses import CrossEntropySpec, LossTerm
from raytrain.config.mixing import MixSpec
from raytrain.config.models import ModelSpec, PixelsBase, UNetSpec
from raytrain.config.optimizers import AdamSpec, CosineSpec, OptimizerSpec, ScheduleSpec
from raytrain.config.shipping import EarlyStopSpec, EpochsSpec, KeepSpec, LastSpec, ShipSpec

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
OF_STEPS = "of gradient steps"
"""Marks the fields that have no meaning in a training without gradient steps."""
OF_SPEED = "of speed"
"""Marks the fields on which the time and the checkpoints of an epoch depend."""


class LengthSpec(Spec):
    """The length of a training as a number of steps or a number of samples. Give exactly one."""

    steps: int | None = Field(None, ge=1)
    """Number of weight updates."""
    samples: int | None = Field(None, ge=1)
    """Number of windows to train on; a window counts each time it is used."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.steps is None) == (self.samples is None):
            raise ValueError("give either steps or samples, not both")
        return self

    def epochs(self, windows: int, batch_size: int) -> tuple[int, float]:
        """Return the number of epochs, and the share (0 .. 1) of the windows to train on in the
        last epoch, for a training set of `windows` windows."""
        if self.steps is not None:
            per_epoch = -(-windows // batch_size)
            whole, steps = divmod(self.steps, per_epoch)
            left = steps * batch_size
        else:
            assert self.samples is not None
            whole, left = divmod(self.samples, windows)
        return (whole + 1, left / windows) if left else (whole, 1.0)


class TrialSpec(Spec):
    """Everything that determines the results of one training run, except its data and its fold."""

    model: Annotated[ModelSpec, OF_SPEED] = UNetSpec()
    init: Annotated[str | None, OF_STEPS] = None
    """A checkpoint of another training that provides the initial weights. Layers with other names
    or shapes (such as a head for other classes) start from random weights, and the record names
    them."""
    init_sha256: Annotated[str | None, OF_STEPS] = None
    """SHA-256 of the file in `init`, as in the `.json` beside it. It is filled in before the start,
    so that the fingerprint covers the file's content. A file with another SHA-256 is refused."""
    freeze_encoder: Annotated[int, OF_STEPS] = Field(0, ge=0)
    """Number of epochs at the start in which the encoder is frozen, including its running
    statistics."""
    loss: Annotated[tuple[LossTerm, ...], OF_SPEED] = (CrossEntropySpec(),)
    """The loss terms; the loss is their weighted sum."""
    deep_supervision: Annotated[DeepSupervisionSpec | None, OF_STEPS, OF_SPEED] = None
    """Whether the loss is also computed at the decoder's coarser stages; null: only on the
    network's maps."""
    presence: Annotated[PresenceSpec | None, OF_STEPS, OF_SPEED] = None
    """A head that learns which classes an image shows; null: none."""
    optimizer: Annotated[OptimizerSpec, OF_STEPS, OF_SPEED] = AdamSpec()
    schedule: Annotated[ScheduleSpec, OF_STEPS] = CosineSpec()
    epochs: int = Field(60, ge=1)
    """Number of epochs that the schedule spans."""
    length: Annotated[LengthSpec | None, OF_STEPS] = None
    """`{steps: 5000}` or `{samples: 200000}` instead of `epochs`. Before the start, the length is
    converted into epochs of the images that the search trains on, and printed. The last epoch may
    be shorter."""
    last_epoch_share: Annotated[float, OF_STEPS] = Field(1.0, gt=0, le=1)
    """Share of the windows to train on in the last epoch. It is computed from `length`."""
    until: Annotated[int | None, OF_STEPS] = Field(None, ge=1)
    """Training ends after this epoch, on the schedule of `epochs`; null: after the last epoch."""
    stop: Annotated[EarlyStopSpec | None, OF_STEPS] = None
    """When training ends early because a figure stops improving; null: never."""
    ship: Annotated[ShipSpec, OF_STEPS] = LastSpec()
    """Which epochs' weights are shipped, such as `{name: average_best, count: 5}`."""
    keep: KeepSpec = KeepSpec()
    """Which checkpoints stay on disk."""
    batch_size: Annotated[int, OF_SPEED] = Field(8, ge=1)
    """Images per step, over all workers together."""
    accumulate: Annotated[int, OF_STEPS, OF_SPEED] = Field(1, ge=1)
    """Number of parts into which each worker divides its share of a batch. The parts are processed
    one after another to save memory. The step is the same as with the whole share, except for
    BatchNorm and losses that pool the batch."""
    drop_last: Annotated[bool, OF_STEPS, OF_SPEED] = False
    """Whether an epoch leaves out the windows that do not fill a batch. Each epoch leaves out
    different ones."""
    evaluation_batch: Annotated[int | None, OF_SPEED] = Field(None, ge=1)
    """Images per batch in validation and prediction; null: `batch_size`."""
    augmentation: Annotated[AugmentationSpec, OF_SPEED] = "slices"
    """A preset's name, or a list such as `[slices, {name: HorizontalFlip, p: 0.5}]`."""
    copies: Annotated[int, OF_SPEED] = Field(0, ge=0)
    """Number of augmented copies of each window that are added to the plain training set. The
    copies are the same in every epoch, as in source systems A, B and C. 0: every epoch augments
    every image anew."""
    originals: Annotated[bool, OF_SPEED] = True
    """Whether the plain images are used for training in addition to their copies."""
    hold: Annotated[Literal["auto", "device", "host"], OF_STEPS, OF_SPEED] = "auto"
    """Where the training windows are kept and augmented. `device`: on the device, as a whole batch.
    `host`: on the host, one by one, with the same presets but other random draws. `auto`: on the
    device, if it is a GPU with ample memory and all transforms can run there. The record says which
    was used."""
    mix: Annotated[MixSpec | None, OF_STEPS, OF_SPEED] = None
    """How images of a step are mixed: `mixup`, `cutmix` or null."""
    positive_share: float | None = Field(None, gt=0, le=1)
    """Share of an epoch's windows that contain foreground before augmentation; null: as in the
    data. The length of the epoch does not change, so rare windows are repeated."""
    framing: Annotated[FramingSpec, OF_SPEED] = AutoSpec()
    """How images become the network's input: whole, resize, pad or tiles. `auto`: whole, or tiles
    if images have several sizes."""
    normalization: Literal["dataset", "image", "imagenet"] = "dataset"
    """How values are normalized. `dataset`: to zero mean and unit variance over the training
    images. `image`: the same over each image. `imagenet`: with ImageNet's statistics, for 8-bit
    images with 1 or 3 channels."""
    precision: Annotated[Precision, OF_STEPS, OF_SPEED] = "fp32"
    """Number format of convolutions and matrix products. `fp32` is full float32 on GPUs, too.
    `tf32` and `fp16` need a GPU; with `fp16` the loss is scaled. Weights and losses are always
    float32."""
    batch_norm: Annotated[Literal["per_worker", "synced"], OF_STEPS, OF_SPEED] = "per_worker"
    """The images over which BatchNorm computes its statistics: each worker's share of the batch, or
    the whole batch (SyncBatchNorm, on GPUs only). With one worker both are the same."""
    compile: Annotated[Literal["off", "default", "max-autotune"], OF_STEPS, OF_SPEED] = "off"
    """torch.compile's mode; it needs a C++ compiler on every node."""
    ema: Annotated[float, OF_STEPS, OF_SPEED] = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights. The average is then evaluated and saved; 0 is
    off."""
    clip_norm: Annotated[float, OF_STEPS] = Field(0.0, ge=0)
    """Largest norm of the gradients. Larger gradients are scaled down; 0 is off."""
    not_finite: Annotated[Literal["stop", "skip"], OF_STEPS] = "stop"
    """What happens at a step whose loss or gradients are not finite. `stop`: training stops.
    `skip`: the step is skipped and counted in the epoch's row. If the optimizer is not fused,
    skipping waits for the device."""
    score_train_every: Annotated[int, OF_SPEED] = Field(0, ge=0)
    """Interval in epochs at which the training images are scored, without augmentation; 0:
    never."""
    seed: int = Field(0, ge=0)

    @property
    def times(self) -> int:
        """Number of times that each window is in the training set: once plain (if `originals`), and
        once for each copy."""
        return self.originals + self.copies

    @property
    def last_epoch(self) -> int:
        """The epoch after which training ends, unless it stops early."""
        return min(self.epochs, self.until or self.epochs)

    @property
    def at_once(self) -> int:
        """Images per batch in validation and prediction."""
        return self.evaluation_batch or self.batch_size

    @property
    def network_label(self) -> str:
        """Short form of the network, such as `unet16x4`."""
        return self.model.label

    @property
    def loss_label(self) -> str:
        """Short form of the loss, such as `cross_entropy+dice`."""
        return "+".join(term.name for term in self.loss)

    @property
    def label(self) -> str:
        """Short form of the trial, such as `unet16x4_cross_entropy+dice_lr0.001`."""
        if isinstance(self.model, PixelsBase):
            return self.network_label
        return f"{self.network_label}_{self.loss_label}_lr{self.optimizer.lr:g}"

    def laid_out_for(self, epochs: int) -> Self:
        """Return the same training over `epochs` epochs, with its schedule stretched or shortened
        to this length."""
        new = {"epochs": epochs, "until": None, "last_epoch_share": 1.0}
        return self.model_copy(update=new)

    @field_validator("loss")
    @classmethod
    def _has_a_term(cls, value: tuple[LossTerm, ...]) -> tuple[LossTerm, ...]:
        if not value:
            raise ValueError("give at least one term, such as [{name: cross_entropy}]")
        return value

    @model_validator(mode="after")
    def _trains_on_something(self) -> Self:
        if not self.times:
            raise ValueError(
                "originals: false and copies: 0 leave no image to train on; set copies to 1"
            )
        return self

    @model_validator(mode="after")
    def _ships_what_is_trained(self) -> Self:
        if isinstance(self.ship, EpochsSpec) and self.ship.at[-1] > self.last_epoch:
            raise ValueError(
                f"ship.at: training ends after epoch {self.last_epoch} (got {self.ship.at[-1]}); "
                "name earlier epochs, or train longer"
            )
        return self
