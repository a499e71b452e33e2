"""Find the coarser stages of a network's decoder, and its deepest map."""

from torch import nn

from raytrain.models.effunet import EffUNet
from raytrain.models.fcn import FCN
from raytrain.models.padding import Padded
from raytrain.models.segnet import SegNet
from raytrain.models.unet import UNet

Stage = tuple[nn.Module, int]
"""A module that outputs a map, and the number of the map's channels."""


def inner(network: nn.Module) -> nn.Module:
    """Return the network without its padding."""
    return network.network if isinstance(network, Padded) else network


def coarse_stages(network: nn.Module) -> list[Stage]:
    """Return the decoder's stages below the finest one, finest first; they run in the opposite
    order. Empty if there are none."""
    import segmentation_models_pytorch as smp

    match inner(network):
        case UNet() as unet:
            modules = list(unet.merge)[1:]
        case EffUNet() | smp.Unet() | smp.Linknet() | smp.MAnet() as shaped:
            modules = list(shaped.decoder.blocks)[-2::-1]
        case smp.UnetPlusPlus() as nested:
            blocks = nested.decoder.blocks
            modules = [blocks[f"x_0_{level}"] for level in reversed(range(nested.decoder.depth))]
        case SegNet() as segnet:
            modules = list(segnet.decoder)[-2::-1]
        case smp.FPN() as pyramid:
            modules = [getattr(pyramid.decoder, name) for name in ("p2", "p3", "p4", "p5")]
        case smp.UPerNet() as pyramid:
            modules = list(pyramid.decoder.fpn_conv_blocks)[::-1]
        case _:
            modules = []
    return [(module, _last_width(module)) for module in modules]


def deepest(network: nn.Module) -> Stage | None:
    """Return the module with the smallest map (alone or the last of several), or None."""
    import segmentation_models_pytorch as smp

    match inner(network):
        case UNet() as unet:
            return unet.down[-1], _last_width(unet.down[-1])
        case SegNet() as segnet:
            # SegNet runs the encoder's layers one by one; the last one is a pooling layer.
            return segnet.encoder.features[-2], segnet.encoder.out_channels[-1]
        case smp.DPT():
            return None
        case EffUNet() | FCN() | smp.base.SegmentationModel() as encoding:
            return encoding.encoder, encoding.encoder.out_channels[-1]
    return None


def _last_width(module: nn.Module) -> int:
    convs = (nn.Conv2d, nn.ConvTranspose2d)
    return [part for part in module.modules() if isinstance(part, convs)][-1].out_channels
