"""Transforms that move image and mask alike. Images are interpolated linearly, masks by the nearest
neighbor.

Only parameters are offered that keep image and mask aligned and preserve their size. Hence there is
no crop, and no GridDistortion, which leaves a part of small images unmapped.
"""

from typing import Literal

from pydantic import Field

from raytrain.config.augmentation.ranges import (
    Angles,
    Corners,
    Counts,
    Parts,
    SignedShares,
    Slants,
    Zooms,
)
from raytrain.config.base import Spec


class Transform(Spec):
    """Base class of all transforms."""

    name: str
    p: float = Field(0.5, ge=0, le=1)
    """Probability of the transform. Inside a OneOf: its weight relative to the other transforms."""


class _Resampling(Transform):
    border_mode: Literal["reflect_101", "reflect", "replicate", "constant"] = "reflect_101"
    """How pixels outside the image are filled, for image and mask alike: `reflect_101` and
    `reflect` mirror the image (without or with the border repeated), `replicate` extends the
    border, and `constant` uses the darkest value and class 0, the background."""


class HorizontalFlipSpec(Transform):
    """Mirror image: left becomes right."""

    name: Literal["HorizontalFlip"] = "HorizontalFlip"


class VerticalFlipSpec(Transform):
    """Mirror image: top becomes bottom."""

    name: Literal["VerticalFlip"] = "VerticalFlip"


class TransposeSpec(Transform):
    """Rows become columns; square images only."""

    name: Literal["Transpose"] = "Transpose"


class RandomRotate90Spec(Transform):
    """0, 1, 2 or 3 quarter turns, equally likely; square images only."""

    name: Literal["RandomRotate90"] = "RandomRotate90"
    p: float = Field(1.0, ge=0, le=1)


class D4Spec(Transform):
    """One of the eight turns and flips of a square, equally likely; square images only."""

    name: Literal["D4"] = "D4"
    p: float = Field(1.0, ge=0, le=1)


class RotateSpec(_Resampling):
    """Rotation around the center."""

    name: Literal["Rotate"] = "Rotate"
    limit: Angles = (-90, 90)


class AffineSpec(_Resampling):
    """Rotation, zoom, shift and shear around the center."""

    name: Literal["Affine"] = "Affine"
    rotate: Angles = (0, 0)
    scale: Zooms = (1, 1)
    """Drawn for each axis."""
    keep_ratio: bool = False
    """Whether both axes are scaled by the same factor."""
    translate_percent: SignedShares = (0, 0)
    """Fractions of the side (0.1, not 10), drawn for each axis."""
    shear: Slants = (0, 0)
    """Drawn for each axis."""


class PerspectiveSpec(_Resampling):
    """The corners move inward by fractions of the side, and the region between them is stretched to
    full size."""

    name: Literal["Perspective"] = "Perspective"
    scale: Corners = (0.05, 0.1)


class ElasticTransformSpec(_Resampling):
    """Smooth random bends (Simard et al. 2003)."""

    name: Literal["ElasticTransform"] = "ElasticTransform"
    alpha: float = Field(1, ge=0, le=2000)
    """Largest shift of a pixel before the bends are smoothed, in px."""
    sigma: float = Field(50, ge=1, le=200)
    """Standard deviation, in px, of the Gaussian that smooths the bends."""


class OpticalDistortionSpec(_Resampling):
    """Barrel and pincushion distortion of a lens."""

    name: Literal["OpticalDistortion"] = "OpticalDistortion"
    distort_limit: SignedShares = (-0.05, 0.05)
    mode: Literal["camera", "fisheye"] = "camera"


class CoarseDropoutSpec(Transform):
    """Rectangles of the image become black; the mask keeps its values there."""

    name: Literal["CoarseDropout"] = "CoarseDropout"
    num_holes_range: Counts = (1, 2)
    hole_height_range: Parts = (0.1, 0.2)
    """Height of a rectangle, as a fraction of the image's height."""
    hole_width_range: Parts = (0.1, 0.2)
    """Width of a rectangle, as a fraction of the image's width."""
