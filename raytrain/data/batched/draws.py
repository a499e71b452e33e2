"""The random draws of each transform, like albumentations': parameters from uniform numbers.

Shape suffixes: B samples, U uniforms in 0 .. 1, P numbers, 33 a matrix on (x, y, 1) in pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from raytrain.config.augmentation import TransformSpec
from raytrain.config.augmentation.gray import (
    GaussianBlurSpec,
    GaussNoiseSpec,
    MultiplicativeNoiseSpec,
    RandomBrightnessContrastSpec,
    RandomGammaSpec,
)
from raytrain.config.augmentation.spatial import AffineSpec, RotateSpec

Kind = Literal["turn", "move", "bend", "linear", "gamma", "noise", "grain", "blur"]
"""`turn`: flips and quarter turns, which map pixels to pixels; `move`: other affine maps; `bend`:
elastic; `linear`: value * a + b; `noise` is added and `grain` multiplied, pixel by pixel."""
Size = tuple[int, int]
"""Height and width in px."""


@dataclass(frozen=True)
class Draw:
    """How a transform's parameters are computed from uniform random numbers."""

    kind: Kind
    uniforms: int
    numbers_BP: Callable[[Any, np.ndarray, Size], np.ndarray]
    """Function from (spec, uniform_BU, size) to the numbers."""


def _fixed(linear: list[list[float]]) -> Draw:
    """Return the draw of a flip, which needs no random number: a linear map around the center."""
    matrix_22 = np.array(linear)
    return Draw("turn", 0, lambda spec, uniform_BU, size: _about_center(
        matrix_22, len(uniform_BU), size
    ))  # fmt: skip


_TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])
"""Matrix of a quarter turn to the left, on (x, y) in pixels; y points down."""


def _quarter_turns(spec: TransformSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    turns = np.stack([np.linalg.matrix_power(_TURN, k) for k in range(4)])
    return _about_center(turns[(uniform_BU[:, 0] * 4).astype(int)], len(uniform_BU), size)


def _d4(spec: TransformSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    turns = [np.linalg.matrix_power(_TURN, k) for k in range(4)]
    eight = np.stack([turn @ flip for turn in turns for flip in (np.eye(2), np.eye(2)[::-1])])
    return _about_center(eight[(uniform_BU[:, 0] * 8).astype(int)], len(uniform_BU), size)


def _rotate(spec: RotateSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    angle_B = np.deg2rad(_between(spec.limit, uniform_BU[:, 0]))
    return _about_center(_rotation(angle_B), len(uniform_BU), size)


def _affine(spec: AffineSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    """Return the matrix of a map that scales, then rotates, shears and shifts by whole pixels."""
    height, width = size
    count = len(uniform_BU)
    scale_B2 = _between(spec.scale, uniform_BU[:, 0:2])
    if spec.keep_ratio:
        scale_B2 = scale_B2[:, [0, 0]]
    shear_B2 = np.tan(np.deg2rad(-_between(spec.shear, uniform_BU[:, 2:4])))
    sheared_B22 = np.tile(np.eye(2), (count, 1, 1))
    sheared_B22[:, 0, 1], sheared_B22[:, 1, 0] = shear_B2[:, 0], shear_B2[:, 1]
    turned_B22 = _rotation(np.deg2rad(_between(spec.rotate, uniform_BU[:, 4])))
    matrix_B33 = _about_center(sheared_B22 @ turned_B22 * scale_B2[:, None, :], count, size)
    shift_B2 = _between(spec.translate_percent, uniform_BU[:, 5:7]) * [width, height]
    matrix_B33[:, :2, 2] += np.trunc(shift_B2)
    return matrix_B33


def _linear(spec: RandomBrightnessContrastSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    contrast_B = 1 + _between(spec.contrast_limit, uniform_BU[:, 0])
    return np.stack([contrast_B, _between(spec.brightness_limit, uniform_BU[:, 1])], 1)


def _inverted(spec: TransformSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    return np.tile([-1.0, 1.0], (len(uniform_BU), 1))


def _factor(spec: MultiplicativeNoiseSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    """Return the factor of each sample. If each pixel draws its own factor, return the range."""
    if spec.elementwise:
        return np.tile(spec.multiplier, (len(uniform_BU), 1))
    factor_B = _between(spec.multiplier, uniform_BU[:, 0])
    return np.stack([factor_B, np.zeros_like(factor_B)], 1)


def _gamma(spec: RandomGammaSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    return _between(spec.gamma_limit, uniform_BU[:, :1]) / 100


def _deviation(spec: GaussNoiseSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    return _between(spec.std_range, uniform_BU[:, :1])


def blur_radius(sigma: np.ndarray | float) -> np.ndarray:
    """Return the number of filter taps on each side of the middle tap, as in PIL."""
    return np.floor(np.asarray(sigma) * 3.5).astype(int)


def _blur(spec: GaussianBlurSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    """Return the filter taps of each sample, padded to the widest filter."""
    sigma_B1 = _between(spec.sigma_limit, uniform_BU[:, :1])
    radius = int(blur_radius(spec.sigma_limit[1]))
    distance_P = np.abs(np.arange(-radius, radius + 1))
    tap_BP = np.exp(-0.5 * (distance_P / sigma_B1) ** 2) * (distance_P <= blur_radius(sigma_B1))
    return tap_BP / tap_BP.sum(1, keepdims=True)


def _nothing(spec: TransformSpec, uniform_BU: np.ndarray, size: Size) -> np.ndarray:
    return np.zeros((len(uniform_BU), 0))


DRAWS: dict[str, Draw] = {
    "HorizontalFlip": _fixed([[-1.0, 0.0], [0.0, 1.0]]),
    "VerticalFlip": _fixed([[1.0, 0.0], [0.0, -1.0]]),
    "Transpose": _fixed([[0.0, 1.0], [1.0, 0.0]]),
    "RandomRotate90": Draw("turn", 1, _quarter_turns),
    "D4": Draw("turn", 1, _d4),
    "Rotate": Draw("move", 1, _rotate),
    "Affine": Draw("move", 7, _affine),
    "ElasticTransform": Draw("bend", 0, _nothing),
    "RandomBrightnessContrast": Draw("linear", 2, _linear),
    "InvertImg": Draw("linear", 0, _inverted),
    "RandomGamma": Draw("gamma", 1, _gamma),
    "GaussNoise": Draw("noise", 1, _deviation),
    "MultiplicativeNoise": Draw("grain", 1, _factor),
    "GaussianBlur": Draw("blur", 1, _blur),
}
"""Name -> draw, for the transforms that can be applied on a device."""


def _between(limits: tuple[float, float], uniform: np.ndarray) -> np.ndarray:
    return limits[0] + (limits[1] - limits[0]) * uniform


def _rotation(angle_B: np.ndarray) -> np.ndarray:
    cos_B, sin_B = np.cos(angle_B), np.sin(angle_B)
    return np.stack([np.stack([cos_B, sin_B], 1), np.stack([-sin_B, cos_B], 1)], 1)


def _about_center(linear: np.ndarray, count: int, size: Size) -> np.ndarray:
    """Return matrix_B33 of a linear map around the center: one map, or one per sample."""
    center_2 = np.array([size[1] - 1, size[0] - 1]) / 2
    matrix_B33 = np.tile(np.eye(3), (count, 1, 1))
    matrix_B33[:, :2, :2] = linear
    matrix_B33[:, :2, 2] = center_2 - matrix_B33[:, :2, :2] @ center_2
    return matrix_B33
