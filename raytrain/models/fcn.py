"""FCN-32s, -16s and -8s on VGG (Long, Shelhamer, Darrell: Fully Convolutional Networks for
Semantic Segmentation, CVPR 2015)."""

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import FcnSpec
from raytrain.models.padding import Padded
from raytrain.models.stages import Encoded


class FCN(Encoded):
    """VGG whose classifier is made of convolutions. The scores of finer stages are added during
    upsampling."""

    def __init__(self, spec: FcnSpec, channels: int, classes: int):
        from segmentation_models_pytorch.encoders import get_encoder

        super().__init__()
        self.encoder = get_encoder(spec.encoder, in_channels=channels, weights=None)
        self.classifier = nn.Sequential(
            nn.Conv2d(512, spec.width, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.5),
            nn.Conv2d(spec.width, spec.width, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.5),
        )
        widths = {32: [spec.width], 16: [spec.width, 512], 8: [spec.width, 512, 256]}[spec.stride]
        self.score = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in widths)
        strides = [2] * (len(widths) - 1) + [spec.stride]
        self.up = nn.ModuleList(bilinear_up(classes, stride) for stride in strides)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW; height and width must be divisible by 32."""
        maps = self.encoder(image_BCHW)
        pool4, pool3 = (functional.max_pool2d(maps[level], 2) for level in (3, 2))
        x = self.score[0](self.classifier(maps[5]))
        finer = zip(list(self.score)[1:], (pool4, pool3), self.up, strict=False)
        for score, pooled, up in finer:
            x = up(x) + score(pooled)
        return self.up[-1](x)


def build_fcn(spec: FcnSpec, channels: int, classes: int) -> nn.Module:
    """Build an FCN with random weights. Before training, it upsamples bilinearly."""
    return Padded(FCN(spec, channels, classes), 32)


def bilinear_up(classes: int, stride: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution that, before training, enlarges each map separately."""
    up = nn.ConvTranspose2d(classes, classes, 2 * stride, stride, stride // 2, bias=False)
    ramp = 1 - (torch.arange(2 * stride, dtype=torch.float32) + 0.5 - stride).abs() / stride
    with torch.no_grad():
        up.weight.copy_(torch.eye(classes)[:, :, None, None] * ramp[:, None] * ramp)
    return up
