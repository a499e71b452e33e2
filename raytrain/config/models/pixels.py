"""Pixel classifiers of scikit-learn on local filters (system D's baselines)."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.models.encoders import NetworkSpec


class PixelsBase(NetworkSpec):
    """A classifier that is fitted once, to a sample of pixels that is balanced over the classes.

    The features of a pixel are the image itself and, at each scale, seven filters of it: Gaussian,
    gradient magnitude, Laplacian of Gaussian and the eigenvalues of Hessian and structure tensor.
    """

    scales: tuple[Annotated[float, Field(gt=0)], ...] = Field((1.0, 2.0, 4.0, 8.0), min_length=1)
    """Standard deviations of the Gaussians, in px."""
    pixels: int = Field(5_000, ge=1)
    """Number of pixels of each class to sample, over all training images together."""
    prior: Literal["balanced", "pixels"] = "balanced"
    """Assumed class frequencies: all equal, or as in the training images."""


class PixelsLogisticSpec(PixelsBase):
    """Logistic regression on standardized local filters.

    `{name: pixels_logistic}`
    """

    name: Literal["pixels_logistic"] = "pixels_logistic"
    c: float = Field(1.0, gt=0)
    """Inverse strength of the squared penalty."""


class PixelsForestSpec(PixelsBase):
    """Random forest (Breiman 2001) on local filters.

    `{name: pixels_forest}`
    """

    name: Literal["pixels_forest"] = "pixels_forest"
    trees: int = Field(64, ge=1)
    leaves: int = Field(512, ge=2, le=16_384)
    """Most leaves per tree."""
    depth: int = Field(14, ge=1, le=64)
    """Largest depth of a tree."""


class PixelsBoostingSpec(PixelsBase):
    """Gradient-boosted trees on histograms (Ke et al. 2017; scikit-learn's) of local filters.

    `{name: pixels_boosting}`
    """

    name: Literal["pixels_boosting"] = "pixels_boosting"
    rounds: int = Field(60, ge=1)
    """Number of boosting rounds. Each adds one tree per class, or one tree for two classes."""
    rate: float = Field(0.1, gt=0, le=1)
    bins: int = Field(255, ge=2, le=255)
    """Number of bins into which the values of a feature are sorted."""
    leaves: int = Field(31, ge=2, le=16_384)
    """Most leaves per tree."""
    depth: int = Field(8, ge=1, le=64)
    """Largest depth of a tree."""
