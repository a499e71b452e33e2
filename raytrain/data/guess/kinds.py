"""Default trials, search spaces and framings for each kind of images, in one table.

A kind is chosen by number, size and content of the images. Its values are those of the shipped jobs
for this kind of images: docs/measurements.md, "Scores", says what each of them is worth.
"""

from dataclasses import dataclass
from typing import Any

from raytrain.data.guess.said import Said, Tree


@dataclass(frozen=True)
class Images:
    """The facts by which a kind is chosen."""

    labeled: int
    groups: int
    sizes_HW: tuple[tuple[int, int], ...]
    """The different sizes (height, width) of the images, in px."""
    gray: bool
    """Whether images have one channel, or several equal channels."""
    shown: float
    """Share of the labeled images that show an object."""
    overlap: bool
    """Whether the masks of different classes share pixels."""

    @property
    def longest(self) -> int:
        return max(max(size) for size in self.sizes_HW)

    @property
    def shortest(self) -> int:
        return min(min(size) for size in self.sizes_HW)


@dataclass(frozen=True)
class Kind:
    """The values with which a search begins for one kind of images."""

    name: str
    model: dict[str, Any]
    started: str
    """How the network's weights begin, in words for a comment of the YAML."""
    networks: tuple[str, tuple[Any, ...]]
    """The field of the trial that the search varies for other networks, and its values."""
    lr: float
    lrs: tuple[float, float]
    """The range of learning rates from which the search draws."""
    augmentation: Any
    augmented: str
    """The reason for the augmentation, in words for a comment of the YAML."""
    trials: int
    candidates: int
    """Number of configurations from which the ensemble is chosen (`cv.candidates`)."""
    memory_gb: int
    enlarged: float = 1.0
    """Factor by which images from `LEAST` to `TINY` are enlarged, if all have one size."""


PRETRAINED = {
    "name": "smp", "decoder": "unet", "encoder": "tu-tf_efficientnet_lite0", "weights": "imagenet",
}  # fmt: skip
IMAGENET = "its encoder begins with ImageNet weights, downloaded once (offline: weights: null)"
RESNET = {"name": "smp", "decoder": "unet", "encoder": "resnet18"}
UNET = {"name": "unet", "width": 16, "depth": 4}
OVERLAP_LOSSES = (
    [{"name": "bce_with_logits"}, {"name": "dice"}],
    [{"name": "bce_with_logits"}, {"name": "soft_dice"}],
)
LOSSES = (
    [{"name": "cross_entropy"}, {"name": "dice"}],
    [{"name": "cross_entropy"}, {"name": "soft_dice"}],
)
FLIP = {"name": "HorizontalFlip", "p": 0.5}

KINDS = {
    "small gray images": Kind(
        name="small gray images", model=PRETRAINED, started=IMAGENET,
        networks=("model.decoder", ("unet", "fpn")), lr=2e-3, lrs=(1e-3, 4e-3),
        augmentation="slices", trials=6, candidates=2, memory_gb=3, enlarged=2.0,
        augmented="small moves and gray values; no mirror images, as scans have two sides",
    ),
    "large gray images": Kind(
        name="large gray images", model=UNET, started="its weights are random at first",
        networks=("model", (UNET, RESNET)), lr=1e-3, lrs=(3e-4, 3e-3),
        augmentation=["slices", FLIP], augmented="small moves, gray values, and mirror images",
        trials=6, candidates=2, memory_gb=4,
    ),
    "color images": Kind(
        name="color images", model=PRETRAINED, started=IMAGENET,
        networks=("model.decoder", ("unet", "fpn")), lr=1e-3, lrs=(5e-4, 2e-3),
        augmentation=["slices", FLIP], augmented="small moves, gray values, and mirror images",
        trials=6, candidates=2, memory_gb=3,
    ),
}  # fmt: skip
"""Name of a kind of images -> the values with which a search begins. A new kind is an entry here
and a line in `kind_of`."""

LEAST, TINY = 32, 128
"""Shortest and longest side, in px, of images that are enlarged."""
SMALL = 192
"""Longest side of a small image, px."""
WHOLE = 384
"""Longest side, in px, of images that are used for training in their own size."""
SIDE, GPU_SIDE = 192, 384
"""Longest side, in px, to which larger images are resized: without a GPU, and with a GPU."""
TILE = 256
STEPS = 1000
"""Number of gradient steps of a trial. Hand-written jobs have 900 to 1100."""
EPOCHS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
BATCH, EMA = 8, 0.98
MOST_LOCAL = 3
"""Largest number of folds without a GPU."""
RARE = 0.4
"""Smallest share of images with an object at which windows are drawn as they come. Below it,
windows with an object are drawn more often."""


def kind_of(images: Images) -> Kind:
    """Return the kind of these images, which has default values for a search."""
    if not images.gray:
        return KINDS["color images"]
    return KINDS["small gray images" if images.longest <= SMALL else "large gray images"]


def framing(images: Images, side: int) -> Said:
    """Return a value for `trial.framing`, and the reason. Images that are too large are resized to
    the longest side `side` (px), or cut into tiles."""
    one, factor = len(images.sizes_HW) == 1, kind_of(images).enlarged
    if one and images.shortest >= LEAST and images.longest <= TINY and factor > 1:
        [size] = images.sizes_HW
        to = {"name": "resize", "height": round(factor * size[0]), "width": round(factor * size[1])}
        return Said(to, f"all images are {shown(size)}: {factor:g} times as large, edges get finer")
    if one and images.longest <= WHOLE:
        return Said(
            {"name": "whole"},
            f"all images are {shown(images.sizes_HW[0])}, small enough as they are",
        )
    if not one and images.longest <= WHOLE and images.longest <= 2 * images.shortest:
        why = f"{len(images.sizes_HW)} sizes up to {images.longest} px: smaller ones are padded"
        return Said({"name": "pad", "multiple": 32}, why)
    if images.gray:
        tile = {"name": "tiles", "height": TILE, "width": TILE}
        return Said(
            tile, f"sides of up to {images.longest} px, with fine detail: overlapping tiles"
        )
    height, width = max(images.sizes_HW, key=lambda size: size[0] * size[1])
    scale = side / max(height, width)
    to = {"name": "resize", "height": _even(height * scale), "width": _even(width * scale)}
    why = f"sides of up to {images.longest} px are more than a first run needs; larger is better"
    return Said(to, why)


def shown(size_HW: tuple[int, int]) -> str:
    """Return a size as `width x height`, as raytrain shows sizes."""
    return f"{size_HW[1]}x{size_HW[0]}"


def _even(side: float) -> int:
    return max(32, round(side / 32) * 32)


def epochs_for(labeled: int) -> int:
    """Return the number of epochs with about STEPS steps over this number of images."""
    wanted = STEPS * BATCH / max(1, labeled)
    return min(EPOCHS, key=lambda epochs: abs(epochs - wanted))


def parts(images: Images, folds: int) -> dict[str, Tree | Said]:
    """Return the parts `trial`, `search`, `folds`, `cv`, `resources` and `profiles` of a job for
    these images, with reasons. `folds` is the largest number of folds that the groups allow; below
    2, there are no folds."""
    kind, epochs = kind_of(images), epochs_for(images.labeled)
    losses = OVERLAP_LOSSES if images.overlap else LOSSES
    trial: dict[str, Said | Tree] = {
        "model": Said(kind.model, f"a network for {kind.name}; {kind.started}"),
        "loss": Said(losses[0], "cross-entropy for each pixel, Dice for each object's area"),
        "optimizer": Said({"name": "adamw", "lr": kind.lr}, "the search varies the learning rate"),
        "schedule": Said({"name": "one_cycle"}, "the rate rises, then falls to 0"),
        "epochs": Said(epochs, f"about {STEPS} steps over {images.labeled} labeled images"),
        "batch_size": Said(BATCH, "images per step"),
        "framing": framing(images, SIDE),
        "augmentation": Said(kind.augmentation, kind.augmented),
        "ema": Said(EMA, "a moving average of the weights is evaluated and saved"),
    }
    if images.shown < RARE:
        why = f"only {100 * images.shown:.0f} % of the images show an object"
        trial["positive_share"] = Said(0.5, f"{why}; half of the windows are drawn to show one")
    field, networks = kind.networks
    space: Tree = {
        field: Said({"choice": [*networks]}, "networks to compare"),
        "loss": Said({"choice": [*losses]}, "losses to compare"),
        "optimizer.lr": Said({"loguniform": [*kind.lrs]}, "learning rates to draw from"),
    }
    count = max(2, min(MOST_LOCAL, folds))
    fold_why = f"{images.groups} groups in {count} folds; models that never saw a fold predict it"
    return {
        "trial": trial,
        "search": {
            "trials": Said(kind.trials, "configurations; with Ray, ASHA stops weak ones early"),
            "space": space,
        },
        "folds": Said({"count": count}, fold_why) if folds > 1 else Said(
            "none", "the images form too few groups for folds: one part is held out"
        ),
        "cv": Said({"candidates": kind.candidates if folds > 1 else 1}, "to choose members from"),
        "resources": Said({"cpus": 1, "memory_gb": kind.memory_gb}, "what one worker needs"),
        "profiles": _profiles(images, epochs, min(5, folds)),
    }  # fmt: skip


def _profiles(images: Images, epochs: int, folds: int) -> Tree:
    """Return the profile `gpu`: the changes to the YAML for a machine with a GPU."""
    trial: dict[str, Said | Tree] = {
        "epochs": Said(2 * epochs, "a GPU has time for a longer training"),
        "precision": Said("bf16", "half the memory on a recent GPU"),
    }
    larger = framing(images, GPU_SIDE)
    if larger.value != framing(images, SIDE).value:
        trial["framing"] = Said(larger.value, "more detail")
    gpu: dict[str, Said | Tree] = {
        "resources": Said({"cpus": 4, "gpus": 1, "memory_gb": 16, "loaders": 3}, "for each worker"),
        "trial": trial,
        "search": {
            "trials": Said(32, "more configurations"),
            "scheduler": Said(
                {"name": "asha", "grace": max(1, epochs // 5), "factor": 2},
                "stops the weaker half at each rung; every trial runs at least `grace` epochs",
            ),
        },
    }
    if folds > MOST_LOCAL:
        gpu["folds"] = Said({"count": folds}, "more images to learn from in each fold")
    return {"gpu": gpu}
