"""Augmentation of whole batches. Random numbers are drawn on the host, and applied on the device.

Consecutive geometric transforms are one resampling of the image, linear, and one of the mask,
nearest, so that an image is not blurred repeatedly. Gray values stay floats between the steps,
whereas 8-bit images on the host are rounded after each step.
Shape suffixes: B samples, U uniforms in 0 .. 1, P numbers, C channels, H x W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec, TransformSpec
from raytrain.config.augmentation.spatial import ElasticTransformSpec
from raytrain.data.augment import steps_of
from raytrain.data.batched import sampling
from raytrain.data.batched.bends import bends, bent
from raytrain.data.batched.draws import DRAWS, Draw, Size
from raytrain.data.batched.grays import GRAYS

NEUTRAL = {"linear": [1.0, 0.0], "gamma": [1.0], "noise": [0.0], "grain": [1.0, 0.0]}
"""Numbers with which a transform changes nothing."""


@dataclass(frozen=True)
class Chosen:
    """A transform. It is applied to a sample if the sample's uniform number at index `gate` is in
    [low, high)."""

    number: int
    spec: TransformSpec
    gate: int
    low: float
    high: float
    first: int
    """Index of the transform's first uniform random number."""

    @property
    def draw(self) -> Draw:
        return DRAWS[self.spec.name]

    def active(self, uniform_BU: np.ndarray) -> np.ndarray:
        """Return bool_B: whether the transform is applied to each sample."""
        return (uniform_BU[:, self.gate] >= self.low) & (uniform_BU[:, self.gate] < self.high)

    def numbers(self, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
        """Return the transform's parameters for every sample, numbers_BP."""
        own_BU = uniform_BU[:, self.first : self.first + self.draw.uniforms]
        return self.draw.numbers_BP(self.spec, own_BU, size)


@dataclass(frozen=True)
class Part:
    """One operation on the device: joined affine maps, a bend, or a change of gray values."""

    steps: tuple[Chosen, ...]

    @property
    def kind(self) -> str:
        kinds = {step.draw.kind for step in self.steps}
        return "move" if kinds == {"turn", "move"} else kinds.pop()

    @property
    def spec(self) -> TransformSpec:
        """The spec with the border mode. Of joined affine maps, only one may leave the image."""
        return next((s.spec for s in self.steps if s.draw.kind != "turn"), self.steps[0].spec)


@dataclass(frozen=True)
class Drawn:
    """Everything that the device needs for a batch. It is drawn on the host."""

    numbers: list[np.ndarray]
    """For each part: inverse_B6 of an affine map, else numbers_BP."""
    active: list[list[int]]
    """For each part: the samples that the part changes."""
    keys: list[int]
    """For each sample: the seed of the sample's noise."""


def undoable(spec: AugmentationSpec) -> list[str]:
    """Return the names of the transforms that cannot be applied on a device, in order."""
    names = [t.name for step in steps_of(spec) for t in _transforms(step)]
    return [name for name in dict.fromkeys(names) if name not in DRAWS]


class Augmenter:
    """Augments batches of images and masks as a spec says, with numbers that `draw` draws."""

    def __init__(self, spec: AugmentationSpec, size: Size):
        assert not undoable(spec)
        self.size = size
        self.steps, self.uniforms = _steps(spec)
        self.parts = _parts(self.steps)

    def draw(self, states: Sequence[np.random.SeedSequence]) -> Drawn:
        """Return a batch's random numbers, drawn from one random state per sample alone."""
        uniform_BU = np.stack([np.random.default_rng(s).random(self.uniforms + 1) for s in states])
        numbers, active = [], []
        for part in self.parts:
            doing = np.stack([step.active(uniform_BU) for step in part.steps])
            drawn = [step.numbers(uniform_BU, self.size) for step in part.steps]
            numbers.append(_joined(part, doing, drawn).astype(np.float32))
            active.append(np.flatnonzero(doing.any(0)).tolist())
        return Drawn(numbers, active, (uniform_BU[:, -1] * 2**53).astype(np.int64).tolist())

    def __call__(
        self, image_BCHW: torch.Tensor, mask_BHW: torch.Tensor, drawn: Drawn
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images (values in 0 .. 1) and masks, transformed with the drawn numbers."""
        numbers = _to(drawn.numbers, image_BCHW.device)
        done = 0
        for gray, run in groupby(self.parts, key=lambda part: part.kind in GRAYS):
            parts = list(run)
            places = range(done, done + len(parts))
            done += len(parts)
            if not gray:
                image_BCHW, mask_BHW = self._moved(image_BCHW, mask_BHW, drawn, numbers, places)
                continue
            for place in places:
                part, active = self.parts[place], drawn.active[place]
                if active:
                    keys = [drawn.keys[i] + part.steps[0].number for i in active]
                    change = GRAYS[part.kind]
                    image_BCHW = change(part.spec, image_BCHW, numbers[place], active, keys)
        return image_BCHW, mask_BHW

    def _moved(
        self, image_BCHW: torch.Tensor, mask_BHW: torch.Tensor, drawn: Drawn,
        numbers: list[torch.Tensor], run: range,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """Apply the geometric parts, the last one first: pixels are traced back to their source."""
        if not any(drawn.active[place] for place in run):
            return image_BCHW, mask_BHW
        height, width = self.size
        at = sampling.start(height, width, image_BCHW.device)
        for place in reversed(run):
            part, active = self.parts[place], drawn.active[place]
            if not active:
                continue
            if isinstance(part.spec, ElasticTransformSpec):
                keys = [drawn.keys[i] + part.steps[0].number for i in active]
                bend_B2HW = bends(part.spec, keys, self.size, image_BCHW.device)
                at = bent(at, bend_B2HW, active, len(image_BCHW))
            else:
                at = sampling.moved(at, numbers[place])
            if part.kind != "turn":
                at = sampling.folded(at, part.spec.border_mode, height, width)  # type: ignore[union-attr]
        at.x_BHW, at.y_BHW = torch.broadcast_tensors(at.x_BHW, at.y_BHW)
        if all(self.parts[place].kind == "turn" for place in run):
            planes = [sampling.nearest(plane_BHW, at) for plane_BHW in image_BCHW.unbind(1)]
            return torch.stack(planes, 1), sampling.nearest(mask_BHW, at)
        return sampling.linear(image_BCHW, at), sampling.nearest(mask_BHW, at)


def _transforms(step: TransformSpec | OneOfSpec) -> tuple[TransformSpec, ...]:
    return step.transforms if isinstance(step, OneOfSpec) else (step,)


def _steps(spec: AugmentationSpec) -> tuple[list[Chosen], int]:
    """Return all transforms in their order, and the number of uniform draws that they need."""
    steps: list[Chosen] = []
    used = 0
    for step in steps_of(spec):
        gate, low = used, 0.0
        used += 1
        total = sum(t.p for t in step.transforms) if isinstance(step, OneOfSpec) else 1.0
        share = step.p / total if isinstance(step, OneOfSpec) else 1.0
        for transform in _transforms(step):
            high = low + transform.p * share
            steps.append(Chosen(len(steps), transform, gate, low, high, used))
            used += DRAWS[transform.name].uniforms
            low = high
    return steps, used


def _parts(steps: list[Chosen]) -> list[Part]:
    """Group the steps into parts. Flips and quarter turns are joined with a neighboring move,
    because they preserve the image's borders."""
    parts: list[list[Chosen]] = []
    for step in steps:
        kinds = [other.draw.kind for other in parts[-1]] if parts else []
        affine = bool(kinds) and set(kinds) <= {"turn", "move"}
        joins = step.draw.kind == "turn" or (step.draw.kind == "move" and "move" not in kinds)
        if affine and joins:
            parts[-1].append(step)
        else:
            parts.append([step])
    return [Part(tuple(part)) for part in parts]


def _joined(part: Part, doing: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    """Return the numbers of one part. Numbers of samples that it leaves alone change nothing."""
    if part.kind in ("turn", "move"):
        matrix_B33 = np.tile(np.eye(3), (doing.shape[1], 1, 1))
        for done_B, step_B33 in zip(doing, drawn, strict=True):
            matrix_B33 = np.where(done_B[:, None, None], step_B33 @ matrix_B33, matrix_B33)
        return np.linalg.inv(matrix_B33)[:, :2].reshape(-1, 6)
    neutral = NEUTRAL.get(part.kind)
    if neutral is None:
        return drawn[0]
    return np.where(doing[0][:, None], drawn[0], neutral)


def _to(numbers: list[np.ndarray], device: torch.device) -> list[torch.Tensor]:
    """Copy all arrays together, because a small copy takes as long as a large one."""
    if not numbers:
        return []
    joined_BP = torch.from_numpy(np.concatenate(numbers, 1))
    if device.type == "cuda":
        joined_BP = joined_BP.pin_memory()
    sizes = [plane.shape[1] for plane in numbers]
    return list(joined_BP.to(device, non_blocking=True).split(sizes, 1))
