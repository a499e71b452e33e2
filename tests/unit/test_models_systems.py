"""The source systems' networks: their rates, strides and widths, and sizes from outside."""

import pytest
import torch
from torch import nn

from raytrain.config.models import (
    AlexNetSpec,
    DeepLabSpec,
    EffUNetSpec,
    FcnSpec,
    ModelSpec,
    SegNetSpec,
    SetrSpec,
    SmpSpec,
)
from raytrain.models import refusal
from raytrain.models.drn import DRN
from raytrain.models.fcn import bilinear_up
from raytrain.models.norm import SoloBatchNorm2d, with_solo_norms
from raytrain.models.padding import Padded
from raytrain.models.smp import ATROUS_RATES
from tests.model_cases import SMALL, SYSTEMS, built, count, image, label, on_meta

DEEPLABS = [
    SmpSpec(decoder="deeplabv3plus", encoder=encoder, output_stride=stride)
    for encoder in ("resnet101", "mobilenet_v2", "tu-xception65", "drn_d_54")
    for stride in (16, 8)
    if (encoder, stride) != ("drn_d_54", 16)
]
PLAIN = [
    *((encoder, stride) for encoder in ("resnet101", "drn_d_54", "mobilenet_v2", "tu-xception65")
      for stride in (8, 16)),
    ("drn_d_54", None), ("mobilenet_v2", None),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("spec", SYSTEMS, ids=label)
def test_they_take_the_systems_images(spec: ModelSpec) -> None:
    assert refusal(spec, 1, 4, 96, 96) is None


@pytest.mark.parametrize("spec", DEEPLABS, ids=label)
def test_deeplab_has_the_papers_rates_and_strides(spec: SmpSpec) -> None:
    network = on_meta(spec, 1, 4).eval().network
    assert _rates(network.decoder) == ATROUS_RATES[spec.output_stride]
    assert network.decoder.block1[0].out_channels == 48
    with torch.device("meta"):
        maps = network.encoder(torch.empty(1, 1, 96, 96))
    assert maps[2].shape[2] == 96 // 4
    assert maps[-1].shape[2] == 96 // spec.output_stride


def test_deeplabs_default_stride() -> None:
    for decoder, encoder, stride in (
        ("deeplabv3plus", "resnet18", 16),
        ("deeplabv3plus", "drn_d_54", 8),
        ("deeplabv3", "resnet18", 8),
    ):
        spec = SmpSpec(decoder=decoder, encoder=encoder)
        network = on_meta(spec, 1, 4).network
        assert network.encoder.output_stride == stride
        assert _rates(network.decoder) == ATROUS_RATES[stride]


@pytest.mark.parametrize(("encoder", "stride"), PLAIN)
def test_system_bs_deeplab_is_plain(encoder: str, stride: int | None) -> None:
    spec = DeepLabSpec(encoder=encoder, output_stride=stride)
    if (encoder, stride) == ("drn_d_54", 16):
        assert "the output stride of drn_d_54 is 8, not 16" in str(refusal(spec, 1, 4, 96, 96))
        return
    network = on_meta(spec, 1, 4).eval()
    expected = stride or (8 if encoder == "drn_d_54" else 16)
    assert _rates(network.pyramid) == ATROUS_RATES[expected]
    ours = [
        layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d) and not name.startswith("encoder.")
    ]
    assert {conv.groups for conv in ours} == {1}
    low, high = network.encoder.out_channels[2], network.encoder.out_channels[-1]
    assert [(conv.kernel_size[0], conv.in_channels, conv.out_channels) for conv in ours] == [
        (1, high, 256), (3, high, 256), (3, high, 256), (3, high, 256), (1, high, 256),
        (1, 5 * 256, 256), (1, low, 48), (3, 256 + 48, 256), (3, 256, 256), (1, 256, 4),
    ]  # fmt: skip
    dropouts = [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert dropouts[-3:] == [0.5, 0.5, 0.1]
    with torch.device("meta"):
        maps = network.encoder(torch.empty(1, 1, 96, 96))
    assert (maps[2].shape[2], maps[-1].shape[2]) == (96 // 4, 96 // expected)


def test_system_bs_deeplab_has_the_reports_size() -> None:
    assert count(on_meta(DeepLabSpec(encoder="drn_d_54"), 3, 4)) == 40732692
    separable = SmpSpec(decoder="deeplabv3plus", encoder="drn_d_54")
    assert count(on_meta(separable, 3, 4)) == 36458948


def test_drns_imagenet_weights_are_not_promised() -> None:
    for kind in (DeepLabSpec, SmpSpec):
        with pytest.raises(ValueError, match=r"no package has ImageNet weights of drn_d_54; leave"):
            kind(encoder="drn_d_54", weights="imagenet")


def _rates(decoder: nn.Module) -> tuple[int, ...]:
    """The dilations of the atrous pyramid's 3x3 convolutions."""
    convs = [layer for layer in decoder.modules() if isinstance(layer, nn.Conv2d)]
    return tuple(conv.dilation[0] for conv in convs if conv.dilation[0] > 1)


def test_drn_d_54() -> None:
    """The authors' network has 35,809,176 parameters with its classifier of 1000 classes."""
    with torch.device("meta"), torch.no_grad():
        network = DRN(5, 8).eval()
        maps = network(torch.empty(2, 3, 64, 64))
    assert count(network) + 512 * 1000 + 1000 == 35809176
    assert [tuple(m.shape[1:]) for m in maps] == [
        (3, 64, 64), (32, 32, 32), (256, 16, 16), (512, 8, 8), (1024, 8, 8), (512, 8, 8),
    ]  # fmt: skip
    dilations = {
        name: {c.dilation[0] for c in network.get_submodule(name).modules() if _is_3x3(c)}
        for name in ("layer4", "layer5", "layer6", "layer7", "layer8")
    }
    assert list(dilations.values()) == [{1}, {2}, {4}, {2}, {1}]
    authors = {**network.state_dict(), "fc.weight": torch.zeros(1000, 512, 1, 1, device="meta")}
    network.load_state_dict(authors)


def _is_3x3(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)


def test_sizes_from_outside() -> None:
    """Less the classifier, torchvision's VGG16 has 138,357,544 - 4,097,000 parameters, its
    AlexNet 61,100,840 - 4,097,000; SegNet has 29.46 million in Paszke et al. (ENet, 2016)."""
    scores = (4096 + 512 + 256) * 21 + 3 * 21 + 21 * 21 * (2 * 16 + 256)
    assert count(on_meta(FcnSpec(), 3, 21)) - scores == 138357544 - 4097000
    assert count(on_meta(AlexNetSpec(), 3, 21)) - 4097 * 21 * 32 * 32 == 61100840 - 4097000
    assert round(count(on_meta(SegNetSpec(), 3, 21)) / 1e6, 2) == 29.46


SWIN = SmpSpec(decoder="upernet", encoder="tu-swin_tiny_patch4_window7_224")


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        (SmpSpec(decoder="deeplabv3plus", encoder="resnet101"), 44549160 - 2049000),
        (SmpSpec(decoder="deeplabv3plus", encoder="mobilenet_v2"), 3504872 - 1281000),
        (EffUNetSpec(), 12233232 - 1537000),
        (SetrSpec(), 86567656 - 769000),
        (
            SmpSpec(decoder="upernet", encoder="tu-swin_tiny_patch4_window7_224"),
            28288354 - 769000 - 2 * 768,
        ),
    ],
    ids=lambda value: value.label if not isinstance(value, int) else "",
)
def test_encoders_have_torchvisions_size(spec: ModelSpec, parameters: int) -> None:
    """Torchvision's figures less the classifier and, for Swin-T, less the norm before it."""
    assert count(on_meta(spec, 3, 4).encoder) == parameters


def test_effunet_sees_the_image() -> None:
    network = built(SMALL["effunet"], 5, 2).network
    assert network.decoder.blocks[-1].conv1[0].in_channels == 32 + 5


def test_setrs_progressive_head_enlarges_four_times() -> None:
    for head, times in (("naive", 0), ("progressive", 4)):
        network = on_meta(SetrSpec(head=head), 1, 4).network
        assert sum(isinstance(part, nn.Upsample) for part in network.head) == times


def test_fcn_enlarges_bilinearly_at_first() -> None:
    flat = bilinear_up(4, 8)(torch.ones(1, 4, 6, 6))[:, :, 8:-8, 8:-8]
    torch.testing.assert_close(flat, torch.ones_like(flat))


def test_padding_repeats_the_border_and_crops() -> None:
    class Same(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = x
            return x

    padded, noise = Padded(Same(), 8), image(1, 9, 16)
    assert torch.equal(padded(noise), noise)
    seen = padded.network.seen
    assert seen.shape == (2, 1, 16, 16)
    assert torch.equal(seen[:, :, 9:], noise[:, :, 8:].expand(-1, -1, 7, -1))
    assert padded(noise[:, :, :8]) is not None
    assert padded.network.seen.shape == (2, 1, 8, 16)


def test_solo_norm_is_batch_norm_but_for_one_value() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3))
    solo = with_solo_norms(nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3)))
    solo.load_state_dict(plain.state_dict())
    assert list(solo.state_dict()) == list(plain.state_dict())
    noise = image(1, 4, 4)
    assert torch.equal(solo(noise), plain(noise))
    assert torch.equal(solo[1].running_var, plain[1].running_var)
    assert isinstance(solo[1], SoloBatchNorm2d)
    with torch.device("meta"):
        other = with_solo_norms(nn.Sequential(nn.BatchNorm2d(3)))
        assert other(torch.empty(2, 3, 4, 5)).shape == (2, 3, 4, 5)
        for wrong in ((2, 4, 4, 5), (2, 3, 4)):
            with pytest.raises((RuntimeError, ValueError)):
                other(torch.empty(wrong))
    before = {key: value.clone() for key, value in solo.state_dict().items()}
    one = noise[:1, :, :1, :1]
    with pytest.raises(ValueError, match="more than 1 value"):
        plain(one)
    torch.testing.assert_close(solo(one), plain.eval()(one))
    assert all(torch.equal(value, before[key]) for key, value in solo.state_dict().items())
