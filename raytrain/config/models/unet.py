"""The classic U-Net, its topology open, and the presets of two source systems."""

import math
from typing import Literal, Self

from pydantic import Field

from raytrain.config.base import Spec

Kernel = Literal[1, 3, 5, 7]


class UNetBase(Spec):
    """What every U-Net (Ronneberger et al. 2015) is made of."""

    width: int = Field(16, ge=1)
    """Channels of the first stage; each deeper stage doubles them."""
    depth: int = Field(4, ge=1, le=6)
    """Down-sampling steps."""
    convs: int = Field(2, ge=1, le=6)
    """Convolutions in each stage, down and up."""
    kernel: Kernel = 3
    first_kernel: Kernel | None = None
    """The first stage's kernel; `null`: as the others'."""
    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "hardtanh"] = "relu"
    norm: Literal["batch", "group", "instance", "none"] = "batch"
    """`group` gives the same gradients whatever the number of workers."""
    bias: bool = False
    """Biases in the stages' convolutions, which a norm makes superfluous."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Channel dropout at the bottleneck."""
    down: Literal["max2", "max3", "conv"] = "max2"
    """Max-pooling over 2x2 or over 3x3 pixels, or a 3x3 convolution, each with stride 2."""
    up: Literal["transposed2", "transposed3", "bilinear"] = "transposed2"
    """A transposed convolution of 2x2 or 3x3 with stride 2, or bilinear and a 1x1 convolution."""

    @property
    def label(self) -> str:
        """In short, such as `unet16x4`, and what else differs: `unet_c32x4-tanh-convs3`."""
        words = [f"{self.model_dump()['name']}{self.width}x{self.depth}"]
        for key, value in self.model_dump(exclude={"name", "width", "depth"}).items():
            if value not in (None, type(self).model_fields[key].default):
                words.append(value if isinstance(value, str) else f"{key}{value:g}")
        return "-".join(words)

    def fitted(self, height: int, width: int) -> Self:
        """The same network, its depth lowered until the deepest map has a pixel."""
        deepest = max(1, int(math.log2(min(height, width))))
        return self if self.depth <= deepest else self.model_copy(update={"depth": deepest})


class UNetSpec(UNetBase):
    """A U-Net (Ronneberger et al. 2015), small by default.

    `{name: unet, width: 16, depth: 4, up: bilinear}`
    """

    name: Literal["unet"] = "unet"


class UNetASpec(UNetBase):
    """Source system A's U-Net: 1536 channels at the bottleneck, biases, 69.8 million parameters.

    `{name: unet_a, width: 96}`; its width study is 24, 48, 96 and 120.
    """

    name: Literal["unet_a"] = "unet_a"
    width: int = Field(96, ge=1)
    bias: bool = True


class UNetCSpec(UNetBase):
    """Source system C's U-Net: five blocks of 32 to 512 channels, the first one's kernels 7x7.

    `{name: unet_c, convs: 3, activation: tanh}`
    """

    name: Literal["unet_c"] = "unet_c"
    width: int = Field(32, ge=1)
    first_kernel: Kernel | None = 7
    bias: bool = True
    down: Literal["max2", "max3", "conv"] = "max3"
    up: Literal["transposed2", "transposed3", "bilinear"] = "transposed3"
