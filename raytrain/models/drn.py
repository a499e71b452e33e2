"""DRN-D-54 (Yu, Koltun, Funkhouser: Dilated Residual Networks, CVPR 2017) as an encoder for smp;
neither segmentation-models-pytorch nor timm provides it."""

from typing import Any

import torch
from segmentation_models_pytorch.encoders._base import EncoderMixin
from torch import nn
from torchvision.models.resnet import Bottleneck

STAGES = {3: (3, 64, 2, 1), 4: (4, 128, 2, 1), 5: (6, 256, 1, 2), 6: (3, 512, 1, 4)}
"""Number of a residual layer -> its number of blocks, width (channels), stride and dilation."""


class DRN(nn.Module, EncoderMixin):
    """The DRN-D-54 encoder. Its nine layers are named as in the authors' files. Its maps have the
    strides 1 (the image itself), 2, 4, 8, 8 and 8."""

    def __init__(self, depth: int, output_stride: int):
        super().__init__()
        self._depth, self._in_channels, self._output_stride = depth, 3, min(output_stride, 8)
        self._out_channels = [3, 32, 256, 512, 1024, 512]
        self.layer0 = _conv(3, 16, kernel=7)
        self.layer1 = _conv(16, 16)
        self.layer2 = _conv(16, 32, stride=2)
        inner = 32
        for number, (blocks, width, stride, dilation) in STAGES.items():
            self.add_module(f"layer{number}", _residual(inner, blocks, width, stride, dilation))
            inner = width * Bottleneck.expansion
        self.layer7 = _conv(inner, 512, dilation=2)
        self.layer8 = _conv(512, 512)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image_BCHW: torch.Tensor) -> list[torch.Tensor]:
        """Return the image and the encoder's first `depth` maps, finest first."""
        maps = [image_BCHW]
        x = self.layer1(self.layer0(image_BCHW))
        for number in range(2, 6):
            x = self.get_submodule(f"layer{number}")(x)
            maps.append(x)
        maps.append(self.layer8(self.layer7(self.get_submodule("layer6")(x))))
        return maps[: self._depth + 1]

    def make_dilated(self, output_stride: int) -> None:
        """Check that the stride is 8, because the network is already dilated. Raises ValueError for
        another stride."""
        if output_stride != 8:
            raise ValueError(
                f"the output stride of drn_d_54 is 8, not {output_stride}; leave it out"
            )

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Load a state dict. The classifier in the authors' files is left out."""
        kept = {key: value for key, value in state_dict.items() if not key.startswith("fc.")}
        return super().load_state_dict(kept, strict, assign)


DRN_D_54 = {"encoder": DRN, "pretrained_settings": {}, "params": {}}
"""The entry for smp's dict of encoders."""


def _conv(
    inner: int, outer: int, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = kernel // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
    )


def _residual(inner: int, blocks: int, width: int, stride: int, dilation: int) -> nn.Sequential:
    outer = width * Bottleneck.expansion
    shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))
    first = Bottleneck(inner, width, stride, shortcut, dilation=dilation)
    rest = [Bottleneck(outer, width, dilation=dilation) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)
