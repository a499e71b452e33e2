"""Test-time augmentation: views of a window whose probabilities are averaged.

At every pixel, the weights of a group's n views sum to n. So the means of groups can be combined
exactly: the mean over the identity and a group of n views is (identity + n * group's mean) / (1 +
n). Shape suffixes: B windows, C channels, K classes, H x W pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec, TransformSpec
from raytrain.config.augmentation.spatial import (
    AffineSpec,
    D4Spec,
    HorizontalFlipSpec,
    RandomRotate90Spec,
    RotateSpec,
    TransposeSpec,
    VerticalFlipSpec,
)
from raytrain.config.predict import ViewGroup
from raytrain.data.augment import steps_of

SHIFT = 8
"""Number of pixels by which a shifted view moves down or up, and right or left."""
MULTIPLE = 32
"""The sides of a scaled view are multiples of this number, because most networks halve them five
times."""


@dataclass(frozen=True)
class View:
    """The window itself. Other views are derived from this class."""

    def apply(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return the view, which is the network's input."""
        return image_BCHW

    def undo(self, prob_BKHW: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return the view's probabilities at the window's pixels, times the view's weights
        there."""
        return prob_BKHW


@dataclass(frozen=True)
class Mirror(View):
    """A mirror image along one axis: 2 for up-down, 3 for left-right."""

    axis: int

    def apply(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        return image_BCHW.flip(self.axis)

    def undo(self, prob_BKHW: torch.Tensor, height: int, width: int) -> torch.Tensor:
        return prob_BKHW.flip(self.axis)


@dataclass(frozen=True)
class Turn(View):
    """Quarter turns to the left. The windows must be square."""

    quarters: int

    def apply(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        return image_BCHW.rot90(self.quarters, (2, 3))

    def undo(self, prob_BKHW: torch.Tensor, height: int, width: int) -> torch.Tensor:
        return prob_BKHW.rot90(-self.quarters, (2, 3))


@dataclass(frozen=True)
class Scale(View):
    """The window scaled by about this factor, bilinearly."""

    factor: float

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of the scaled window."""
        high, wide = (
            max(1, round(side * self.factor / MULTIPLE)) * MULTIPLE for side in (height, width)
        )
        return high, wide

    def apply(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        height, width = image_BCHW.shape[2:]
        return functional.interpolate(image_BCHW, self.size(height, width), mode="bilinear")

    def undo(self, prob_BKHW: torch.Tensor, height: int, width: int) -> torch.Tensor:
        return functional.interpolate(prob_BKHW, (height, width), mode="bilinear")


@dataclass(frozen=True)
class Shift(View):
    """The window moved by `SHIFT` pixels in both directions (1: down, right; -1: up, left). The
    pixels that enter are mirrored.

    The pixels that leave have weight 0. The opposite edge has weight 2 instead, because there the
    opposite shift has weight 0.
    """

    down: int
    right: int

    def apply(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        height, width = image_BCHW.shape[2:]
        top, left = SHIFT * (self.down > 0), SHIFT * (self.right > 0)
        pads = (left, SHIFT - left, top, SHIFT - top)
        padded_BCHW = functional.pad(image_BCHW, pads, mode="reflect")
        place = (slice(SHIFT - top, None), slice(SHIFT - left, None))
        return padded_BCHW[:, :, *place][:, :, :height, :width]

    def undo(self, prob_BKHW: torch.Tensor, height: int, width: int) -> torch.Tensor:
        shifts = (-SHIFT * self.down, -SHIFT * self.right)
        weight_HW = torch.outer(_weights(height, self.down), _weights(width, self.right))
        return prob_BKHW.roll(shifts, (2, 3)) * weight_HW.to(prob_BKHW.device)


def _weights(length: int, direction: int) -> torch.Tensor:
    """Return weights along one side. The weight is 2 where only this one of the two directions sees
    a pixel."""
    weight = torch.ones(length)
    weight[:SHIFT] += direction
    weight[-SHIFT:] -= direction
    return weight


IDENTITY = View()
GROUPS: dict[ViewGroup, tuple[View, ...]] = {
    "hflip": (Mirror(3),),
    "vflip": (Mirror(2),),
    "turns": (Turn(1), Turn(2), Turn(3)),
    "scales": (Scale(0.8), Scale(1.2)),
    "shifts": (Shift(1, 1), Shift(1, -1), Shift(-1, 1), Shift(-1, -1)),
}
"""Name of a group -> its views, without the image itself. No view is in two groups.

The views of a group have about as many pixels as the windows, and cost as much as a pass each:
(.8 ** 2 + 1.2 ** 2) / 2 = 1.04.
"""


def views_of(groups: tuple[ViewGroup, ...]) -> tuple[View, ...]:
    """Return the identity and all views of these groups."""
    return (IDENTITY, *(view for group in groups for view in GROUPS[group]))


def mean_over(
    views: tuple[View, ...],
    predict: Callable[[torch.Tensor], torch.Tensor],
    image_BCHW: torch.Tensor,
) -> torch.Tensor:
    """Return prob_BKHW, the mean of `predict` over these views. The views are whole groups, with or
    without the identity."""
    height, width = image_BCHW.shape[2:]
    total_BKHW = None
    for view in views:
        input_BCHW = view.apply(image_BCHW).contiguous(memory_format=torch.channels_last)
        prob_BKHW = view.undo(predict(input_BCHW), height, width)
        total_BKHW = prob_BKHW if total_BKHW is None else total_BKHW + prob_BKHW
    assert total_BKHW is not None
    return total_BKHW / len(views)


def group_problems(groups: tuple[str, ...], height: int, width: int) -> list[str]:
    """Return a problem for each of these groups that cannot be used with windows of this size."""
    size = f"{width}x{height}"
    problems = []
    if "turns" in groups and height != width:
        problems.append(f"turns: quarter turns need square windows, but these are {size}")
    scaled = {view.size(height, width) for view in GROUPS["scales"] if isinstance(view, Scale)}
    if "scales" in groups and scaled == {(height, width)}:
        problems.append(
            f"scales: sides are rounded to multiples of {MULTIPLE} px, so scaling does not change "
            f"windows of {size}"
        )
    if "shifts" in groups and min(height, width) < 2 * SHIFT:
        problems.append(
            f"shifts: windows need at least {2 * SHIFT} px per side, but these are {size}"
        )
    return problems


def drawn_groups(augmentation: AugmentationSpec) -> tuple[ViewGroup, ...]:
    """Return the groups of views that the transforms of this training augmentation can produce."""
    drawn = {group for step in steps_of(augmentation) for group in _drawn(step)}
    return tuple(group for group in GROUPS if group in drawn)


def _drawn(step: TransformSpec | OneOfSpec) -> Iterator[str]:
    if not step.p:
        return
    match step:
        case OneOfSpec():
            for one in step.transforms:
                yield from _drawn(one)
        case HorizontalFlipSpec():
            yield "hflip"
        case VerticalFlipSpec():
            yield "vflip"
        case TransposeSpec() | RandomRotate90Spec():
            yield "turns"
        case D4Spec():
            yield from ("hflip", "vflip", "turns")
        case RotateSpec() if _all_turns(step.limit):
            yield "turns"
        case AffineSpec():
            if _all_turns(step.rotate):
                yield "turns"
            if step.scale != (1, 1):
                yield "scales"
            if step.translate_percent != (0, 0):
                yield "shifts"


def _all_turns(angles: tuple[float, float]) -> bool:
    """Return whether a range of angles in degrees contains all quarter turns."""
    low, high = angles
    return all(low <= turn <= high or low <= turn - 360 <= high for turn in (90, 180, 270))
