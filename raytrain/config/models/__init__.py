"""Architectures and their parameters. The names are the keys of `models.ARCHITECTURES`.

This file has the specs of networks that segmentation-models-pytorch does not provide.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from raytrain.config.base import NamedByDefault
from raytrain.config.models.encoders import NetworkSpec, PretrainedSpec
from raytrain.config.models.pixels import (
    PixelsBase,
    PixelsBoostingSpec,
    PixelsForestSpec,
    PixelsLogisticSpec,
)
from raytrain.config.models.smp import SmpSpec
from raytrain.config.models.unet import (
    ClassicUNet,
    UNetASpec,
    UNetBase,
    UNetCSpec,
    UNetSpec,
)
from raytrain.config.own import Widened

__all__ = [
    "AlexNetSpec",
    "ClassicUNet",
    "DeepLabSpec",
    "EffUNetSpec",
    "FcnSpec",
    "ModelSpec",
    "NingSpec",
    "PixelsBase",
    "PixelsBoostingSpec",
    "PixelsForestSpec",
    "PixelsLogisticSpec",
    "PretrainedSpec",
    "SegNetSpec",
    "SetrSpec",
    "SmpSpec",
    "UNetASpec",
    "UNetBase",
    "UNetCSpec",
    "UNetSpec",
]


class DeepLabSpec(PretrainedSpec):
    """DeepLabV3+ with plain convolutions (Chen et al. 2018; system B); smp's has separable ones.

    `{name: deeplab, encoder: drn_d_54}` or `{name: deeplab, encoder: resnet101, weights: imagenet}`
    """

    name: Literal["deeplab"] = "deeplab"
    encoder: Literal["resnet101", "drn_d_54", "mobilenet_v2", "tu-xception65"] = "resnet101"
    output_stride: Literal[8, 16] | None = None
    """Stride of the encoder's deepest map; `null`: 8 for drn_d_54, else 16. The dilation rates are
    6, 12, 18 at stride 16 and 12, 24, 36 at stride 8."""

    @property
    def label(self) -> str:
        """Short name of the network, such as `deeplab-drn_d_54`."""
        stride = f"-os{self.output_stride}" if self.output_stride else ""
        return f"deeplab-{self.encoder}{stride}"


class FcnSpec(PretrainedSpec):
    """FCN-32s, -16s or -8s on VGG16 (Long et al. 2015), with transposed convolutions; the scores of
    finer stages are added.

    `{name: fcn, stride: 8, weights: imagenet}`
    """

    name: Literal["fcn"] = "fcn"
    stride: Literal[32, 16, 8] = 8
    """Stride of the finest map that is used."""
    width: int = Field(4096, ge=1)
    """Channels of the two layers that replace VGG's classifier."""
    encoder: Literal["vgg11", "vgg11_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"] = "vgg16"

    @property
    def label(self) -> str:
        """Short name of the network, such as `fcn8s-vgg16`."""
        return f"fcn{self.stride}s-{self.encoder}"


class SegNetSpec(PretrainedSpec):
    """SegNet (Badrinarayanan et al. 2017): VGG and its mirror; unpooling uses the pooling's
    indices.

    `{name: segnet, weights: imagenet}`
    """

    name: Literal["segnet"] = "segnet"
    encoder: Literal["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"] = "vgg16_bn"

    @property
    def label(self) -> str:
        """Short name of the network, such as `segnet-vgg16_bn`."""
        return f"segnet-{self.encoder}"


class EffUNetSpec(PretrainedSpec):
    """A U-Net decoder on EfficientNet, with the image as an additional input (Baheti et al. 2020;
    system B).

    `{name: effunet, encoder: efficientnet-b3, weights: imagenet}`
    """

    name: Literal["effunet"] = "effunet"
    encoder: Literal[
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-b2",
        "efficientnet-b3",
        "efficientnet-b4",
        "efficientnet-b5",
        "efficientnet-b6",
        "efficientnet-b7",
    ] = "efficientnet-b3"

    @property
    def label(self) -> str:
        """Short name of the network, such as `effunet-b3`."""
        return f"effunet-{self.encoder.removeprefix('efficientnet-')}"


class SetrSpec(PretrainedSpec):
    """SETR (Zheng et al. 2021) on a vision transformer of timm.

    `{name: setr, encoder: tu-vit_small_patch16_224, head: naive}`
    """

    name: Literal["setr"] = "setr"
    encoder: str = Field("tu-vit_base_patch16_224", pattern="^tu-")
    head: Literal["naive", "progressive"] = "progressive"
    """`naive` enlarges the map in one step. `progressive` enlarges it in four steps, with a
    convolution each."""

    @property
    def label(self) -> str:
        """Short name of the network, such as `setr-vit_base_patch16_224-naive`."""
        return f"setr-{self.encoder.removeprefix('tu-')}-{self.head}"


class NingSpec(NetworkSpec):
    """The small network of Ning et al. 2005: a 40 px receptive field, one label per 4x4 cell.

    `{name: ning}`; it learns the most common label of each cell.
    """

    cell: ClassVar[int] = 4
    """Side, in px, of the squares that get one label each."""
    name: Literal["ning"] = "ning"


class AlexNetSpec(NetworkSpec):
    """AlexNet (Krizhevsky et al. 2012) whose dense layers predict a 32x32 px mask, which is
    enlarged.

    `{name: alexnet}`; images need at least 63x63 px.
    """

    name: Literal["alexnet"] = "alexnet"
    width: int = Field(4096, ge=1)
    """Channels of the two dense layers."""


ModelSpec = Annotated[
    UNetSpec
    | UNetASpec
    | UNetCSpec
    | SmpSpec
    | DeepLabSpec
    | FcnSpec
    | SegNetSpec
    | EffUNetSpec
    | SetrSpec
    | NingSpec
    | AlexNetSpec
    | PixelsLogisticSpec
    | PixelsForestSpec
    | PixelsBoostingSpec,
    Field(discriminator="name"),
    NamedByDefault("unet"),
    Widened("MODELS"),
]
