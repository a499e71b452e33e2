"""Mixing of images, and of their masks, within one step."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import NamedByDefault, Spec


class _MixSpec(Spec):
    p: float = Field(1.0, gt=0, le=1)
    """Share of the steps in which images are mixed."""


class MixUpSpec(_MixSpec):
    """Weighted sums of two images (Zhang et al. 2018). The losses on both masks are summed with the
    same weights."""

    name: Literal["mixup"] = "mixup"
    alpha: float = Field(0.4, gt=0)
    """Parameter of the Beta distribution of the first image's weight, drawn once per step."""


class CutMixSpec(_MixSpec):
    """A box of another image is pasted into each image and its mask (Yun et al. 2019)."""

    name: Literal["cutmix"] = "cutmix"
    alpha: float = Field(1.0, gt=0)
    """Parameter of the Beta distribution of the share of the image outside the box."""


MixSpec = Annotated[MixUpSpec | CutMixSpec, Field(discriminator="name"), NamedByDefault("mixup")]
