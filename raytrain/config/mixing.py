"""Images mixed with others of the same step, and their masks with them."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec, named_by_default


class _MixSpec(Spec):
    p: float = Field(1.0, gt=0, le=1)
    """Share of the steps that are mixed."""


class MixUpSpec(_MixSpec):
    """Sums of two images (Zhang et al. 2018); the loss is the same sum of those on both masks."""

    name: Literal["mixup"] = "mixup"
    alpha: float = Field(0.4, gt=0)
    """Of the Beta distribution that the first image's weight is drawn from, once a step."""


class CutMixSpec(_MixSpec):
    """A box of another image, its mask with it, is pasted into each (Yun et al. 2019)."""

    name: Literal["cutmix"] = "cutmix"
    alpha: float = Field(1.0, gt=0)
    """Of the Beta distribution that the share of the image outside the box is drawn from."""


MixSpec = Annotated[MixUpSpec | CutMixSpec, Field(discriminator="name"), named_by_default("mixup")]
