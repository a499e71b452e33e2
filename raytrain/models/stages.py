"""Find the coarser stages of a network's decoder, and its deepest map."""

from typing import Any, Protocol, runtime_checkable

from torch import nn

from raytrain.models.padding import Padded

Stage = tuple[nn.Module, int]
"""A module that outputs a map, and the number of the map's channels."""


@runtime_checkable
class Staged(Protocol):
    """A network of raytrain's own that names its stages. Without these methods a network cannot
    have heads."""

    def coarse(self) -> list[nn.Module]:
        """Return the decoder's stages below the finest one, finest first."""

    def deepest(self) -> tuple[nn.Module, int]:
        """Return the module that outputs the smallest map, alone or as the last of several, and the
        map's number of channels."""


class Encoded(nn.Module):
    """Base class of networks whose deepest map is the last one of their encoder (from smp)."""

    encoder: Any

    def coarse(self) -> list[nn.Module]:
        """Return the decoder's stages below the finest one: none."""
        return []

    def deepest(self) -> tuple[nn.Module, int]:
        """Return the encoder, and the number of channels of its last map."""
        return self.encoder, self.encoder.out_channels[-1]


def inner(network: nn.Module) -> nn.Module:
    """Return the network inside a `Padded` network, or the network itself."""
    return network.network if isinstance(network, Padded) else network


def coarse_stages(network: nn.Module) -> list[Stage]:
    """Return the decoder's stages below the finest one, finest first; empty if there are none. They
    run in the opposite order."""
    import segmentation_models_pytorch as smp

    match inner(network):
        case Staged() as ours:
            modules = ours.coarse()
        case smp.Unet() | smp.Linknet() | smp.MAnet() as shaped:
            modules = list(shaped.decoder.blocks)[-2::-1]
        case smp.UnetPlusPlus() as nested:
            blocks = nested.decoder.blocks
            modules = [blocks[f"x_0_{level}"] for level in reversed(range(nested.decoder.depth))]
        case smp.FPN() as pyramid:
            modules = [getattr(pyramid.decoder, name) for name in ("p2", "p3", "p4", "p5")]
        case smp.UPerNet() as pyramid:
            modules = list(pyramid.decoder.fpn_conv_blocks)[::-1]
        case _:
            modules = []
    return [(module, _last_width(module)) for module in modules]


def deepest(network: nn.Module) -> Stage | None:
    """Return the module that outputs the smallest map, alone or as the last of several; None if
    there is none."""
    import segmentation_models_pytorch as smp

    match inner(network):
        case Staged() as ours:
            return ours.deepest()
        case smp.DPT():
            return None
        case smp.base.SegmentationModel() as encoding:
            return encoding.encoder, encoding.encoder.out_channels[-1]
    return None


def _last_width(module: nn.Module) -> int:
    """Return the number of channels of the module's last convolution."""
    convs = (nn.Conv2d, nn.ConvTranspose2d)
    return [part for part in module.modules() if isinstance(part, convs)][-1].out_channels
