"""The classic U-Net with a configurable topology, and the presets of two source systems."""

import math
from typing import Literal, Self

from pydantic import Field

from raytrain.config.base import Spec

Kernel = Literal[1, 3, 5, 7]


class UNetBase(Spec):
    """Base class of all U-Nets (Ronneberger et al. 2015)."""

    width: int = Field(16, ge=1)
    """Channels of the first stage; each deeper stage doubles them."""
    depth: int = Field(4, ge=1, le=6)
    """Number of downsampling steps."""
    convs: int = Field(2, ge=1, le=6)
    """Number of convolutions in each stage, down and up."""
    kernel: Kernel = 3
    first_kernel: Kernel | None = None
    """Kernel of the first stage; `null`: `kernel`."""
    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "hardtanh"] = "relu"
    norm: Literal["batch", "group", "instance", "none"] = "batch"
    """Normalization layer. `group` gives the same gradients for any number of workers."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Channel dropout; the description of each network says where it is applied."""

    @property
    def label(self) -> str:
        """Short form of the network: `unet16x4`, followed by fields that differ from the default,
        as in `unet_c32x4-tanh-convs3`."""
        words = [f"{self.model_dump()['name']}{self.width}x{self.depth}"]
        for key, value in self.model_dump(exclude={"name", "width", "depth"}).items():
            if value not in (None, type(self).model_fields[key].default):
                words.append(value if isinstance(value, str) else f"{key}{value:g}")
        return "-".join(words)

    def fitted(self, height: int, width: int) -> Self:
        """Return the same network, with a depth at which the deepest map has at least one pixel."""
        deepest = max(1, int(math.log2(min(height, width))))
        return self if self.depth <= deepest else self.model_copy(update={"depth": deepest})


class ClassicUNet(UNetBase):
    """Base class of the U-Nets with a skip at every resolution."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Channel dropout at the bottleneck."""
    bias: bool = False
    """Whether the stages' convolutions have biases. With a norm, biases have no effect."""
    down: Literal["max2", "max3", "conv"] = "max2"
    """Max-pooling over 2x2 or 3x3 pixels, or a 3x3 convolution, each with stride 2."""
    up: Literal["transposed2", "transposed3", "bilinear"] = "transposed2"
    """A 2x2 or 3x3 transposed convolution with stride 2, or bilinear with a 1x1 convolution."""


class UNetSpec(ClassicUNet):
    """A U-Net (Ronneberger et al. 2015), small by default.

    `{name: unet, width: 16, depth: 4, up: bilinear}`
    """

    name: Literal["unet"] = "unet"


class UNetASpec(ClassicUNet):
    """Source system A's U-Net: 1536 channels at the bottleneck, biases, 69.8 million parameters.

    `{name: unet_a, width: 96}`; the system's width study uses 24, 48, 96 and 120.
    """

    name: Literal["unet_a"] = "unet_a"
    width: int = Field(96, ge=1)
    bias: bool = True


class UNetCSpec(UNetBase):
    """Source system C's U-Net: five blocks of 32 to 512 channels, with 7x7 kernels in the first.

    `{name: unet_c, convs: 3, activation: tanh}`; the skips are the pooled maps, so no skip has the
    full resolution. The last block has one output channel per class.
    """

    name: Literal["unet_c"] = "unet_c"
    width: int = Field(32, ge=1)
    depth: int = Field(5, ge=1, le=6)
    """Number of blocks in each half, each with one downsampling or upsampling step."""
    first_kernel: Kernel | None = 7
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout after each convolution of a block."""
