"""Models: one contract for every architecture."""

import io
import re

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from raytrain.config.models import ModelSpec, SmpSpec, UNetSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS
from raytrain.models import ARCHITECTURES, refusal
from tests.model_cases import PIXELS, SMALL, built, image, label, on_meta

UNETS = [
    UNetSpec(width=4, depth=depth, norm=norm) for depth in (1, 3) for norm in ("batch", "group")
] + [UNetSpec(width=3, depth=2, norm="group", dropout=0.5), UNetSpec(width=2, depth=6)]
CONVOLUTIONAL = [decoder for decoder in SMP_DECODERS if decoder != "dpt"]
# timm's networks for tests: what is asked here is asked of the decoder, and of other encoders by
# tests/zoo.
PAIRS = [SmpSpec(decoder=decoder, encoder="tu-test_resnet") for decoder in CONVOLUTIONAL]
OTHERS = [
    SmpSpec(decoder="dpt", encoder="tu-test_vit"),
    SmpSpec(encoder="efficientnet-b0"),
    SmpSpec(encoder="mit_b0"),
    SmpSpec(encoder="tu-resnet10t"),
]
SPECS = list(dict.fromkeys([*SMALL.values(), *UNETS, *PAIRS, *OTHERS]))


def _side(spec: ModelSpec) -> int:
    return 128 if isinstance(spec, SmpSpec) and spec.decoder == "pan" else 64


def test_every_architecture_is_tested() -> None:
    assert {*SMALL, *PIXELS} == ARCHITECTURES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_every_architecture_keeps_the_contract(spec: ModelSpec) -> None:
    side = _side(spec)
    assert refusal(spec, 1, 4, side, side) is None
    model, noise = built(spec, 1, 4), image(1, side, side)
    logits = model(noise)
    assert logits.shape == (2, 4, side, side)
    logits.square().sum().backward()
    with torch.inference_mode():
        _expect_gradients(spec, model, noise, logits)
        _expect_save_and_load(model, noise, logits)
        _expect_no_activation(model, noise, logits)
        _expect_odd_sizes(model, side)
    _expect_one_image(model, noise)


def _expect_gradients(
    spec: ModelSpec, model: nn.Module, noise: torch.Tensor, logits: torch.Tensor
) -> None:
    """What gets no gradient is not used at all; smp's encoders keep such layers."""
    silent = [name for name, value in model.named_parameters() if value.grad is None]
    assert isinstance(spec, SmpSpec) or all(".encoder." in name for name in silent)
    assert len(silent) < len(list(model.parameters())) / 2
    if silent:
        for name in silent:
            model.get_parameter(name).add_(1)
        assert torch.equal(model(noise), logits), silent


def _expect_save_and_load(model: nn.Module, noise: torch.Tensor, logits: torch.Tensor) -> None:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    for value in model.parameters():
        value.mul_(0.5).add_(0.01)
    assert not torch.equal(model(noise), logits)
    buffer.seek(0)
    model.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(model(noise), logits)


def _expect_no_activation(model: nn.Module, noise: torch.Tensor, logits: torch.Tensor) -> None:
    """The last convolution's bias shifts the output by as much, so nothing bounds it; FCN's
    deconvolutions fade it out at the border."""
    kinds = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    heads = [layer.bias for layer in layers if layer.bias is not None and _is_head(layer)]
    heads[-1].view(4, -1).add_(torch.tensor([50.0, -50.0, 7.0, 0.0])[:, None])
    shift = (model(noise) - logits)[:, :, 8:-8, 8:-8]
    expected = torch.tensor([50.0, -50.0, 7.0, 0.0])[:, None, None].expand_as(shift)
    torch.testing.assert_close(shift, expected, rtol=1e-4, atol=1e-3)


def _is_head(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> bool:
    """A convolution to four classes, or a dense layer to the pixels of all."""
    if not isinstance(layer, nn.Linear):
        return layer.out_channels == 4
    return layer.out_features == 4 * 32 * 32


def _expect_odd_sizes(model: nn.Module, side: int) -> None:
    logits = model(image(1, side + 1, side + 14))
    assert logits.shape == (2, 4, side + 1, side + 14)
    assert bool(torch.isfinite(logits).all())


def _expect_one_image(model: nn.Module, noise: torch.Tensor) -> None:
    """A worker may have one image of an epoch's last step, and then a batch norm one value."""
    model.zero_grad()
    model.train()(noise[:1]).square().mean().backward()
    grads = [value.grad for value in model.parameters() if value.grad is not None]
    assert all(bool(torch.isfinite(grad).all()) for grad in grads)


@pytest.mark.parametrize("spec", SMALL.values(), ids=label)
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 4), (5, 1)])
def test_channels_and_classes(spec: ModelSpec, channels: int, classes: int) -> None:
    network = on_meta(spec, channels, classes).eval()
    with torch.device("meta"):
        assert network(torch.empty(2, channels, 65, 70)).shape == (2, classes, 65, 70)


@pytest.mark.parametrize(
    ("spec", "size", "words"),
    [
        (SmpSpec(decoder="pan"), (64, 64), "pan-resnet18 cannot take 64x64 images: .*too small"),
        (
            UNetSpec(depth=6, width=2),
            (96, 32),
            "unet2x6 cannot take 32x96 images: .*too small",
        ),
        (SMALL["alexnet"], (48, 48), "alexnet cannot take 48x48 images: .*too small"),
        (UNetSpec(depth=4, norm="instance"), (16, 16), ".*more than 1 spatial element"),
    ],
)
def test_a_refusal_says_why(spec: ModelSpec, size: tuple[int, int], words: str) -> None:
    reason = refusal(spec, 1, 4, *size)
    assert reason is not None
    assert re.match(words, reason)
    with pytest.raises((RuntimeError, ValueError)), torch.inference_mode():
        built(spec, 1, 4).train()(image(1, *size)[:1])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (SmpSpec(decoder="fpn", encoder="drn_d_54"), ".*drn_d_54 has maps at strides .*"),
        (
            SmpSpec(decoder="deeplabv3plus", encoder="drn_d_54", output_stride=16),
            ".*stride of drn_d_54 is 8, not 16",
        ),
        (SmpSpec(decoder="linknet", encoder="mit_b0"), ".*not supported for Linknet"),
        (SmpSpec(decoder="deeplabv3", encoder="vgg11"), ".*not support dilated mode"),
        (SmpSpec(encoder="tu-resnet81"), ".*'resnet81'; did you mean 'resnet18'"),
    ],
)
def test_a_network_that_cannot_be_is_refused(spec: ModelSpec, words: str) -> None:
    """It is built without memory, as it is with memory, and fails there."""
    reason = refusal(spec, 1, 4, 64, 64)
    assert reason is not None
    assert re.match(words, reason)
    with pytest.raises((RuntimeError, ValueError)):
        on_meta(spec, 1, 4)


def test_names_are_those_of_the_library() -> None:
    assert set(SMP_DECODERS) == set(smp.MODEL_ARCHITECTURES_MAPPING)
    assert set(SMP_ENCODERS) == set(smp.encoders.get_encoder_names()) - {"drn_d_54"}
    assert len(set(SMP_ENCODERS)) == len(SMP_ENCODERS)
