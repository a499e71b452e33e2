"""The U-Net of source system C: five poolings, pooled skips, and no 1x1 head."""

import torch
from torch import nn

from raytrain.config.models import UNetCSpec
from raytrain.models.unet import conv_stage, like


class UNetC(nn.Module):
    """A U-Net. Its contract blocks are convolutions and a pooling; its expand blocks are
    convolutions and a transposed convolution.

    An expand block joins the output of the previous block with the pooled output of the contract
    block at the same resolution.
    """

    def __init__(self, spec: UNetCSpec, channels: int, classes: int):
        super().__init__()
        widths = [spec.width * 2**level for level in range(spec.depth)]
        kernels = [spec.first_kernel or spec.kernel] + [spec.kernel] * (spec.depth - 1)
        self.width = widths[-1]
        self.contract = nn.ModuleList(
            nn.Sequential(
                conv_stage(inner, outer, kernel, spec, True, spec.dropout),
                nn.MaxPool2d(3, 2, padding=1),
            )
            for inner, outer, kernel in zip([channels, *widths], widths, kernels, strict=False)
        )
        outers = [*widths[-2::-1], classes]
        # The deepest block joins nothing; the inputs of the others are a map and a skip.
        inners = [widths[-1], *(2 * width for width in outers[:-1])]
        self.expand = nn.ModuleList(
            nn.Sequential(
                conv_stage(inner, outer, spec.kernel, spec, True, spec.dropout),
                nn.ConvTranspose2d(outer, outer, 3, 2, padding=1, output_padding=1),
            )
            for inner, outer in zip(inners, outers, strict=True)
        )

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW for any height and width."""
        maps = [image_BCHW]
        for block in self.contract:
            maps.append(block(maps[-1]))
        x = self.expand[0](maps.pop())
        for block in list(self.expand)[1:]:
            skip = maps.pop()
            x = block(torch.cat([like(x, skip.shape), skip], 1))
        return like(x, image_BCHW.shape)

    def coarse(self) -> list[nn.Module]:
        """Return the decoder's stages below the finest one, finest first."""
        return list(self.expand)[-2::-1]

    def deepest(self) -> tuple[nn.Module, int]:
        """Return the module with the smallest map, and the map's number of channels."""
        return self.contract[-1], self.width
