"""Models: one contract for every architecture, the U-Net's size by hand, encoder weights, names."""

import io
import re
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from pydantic import TypeAdapter
from torch import nn

from raytrain.config.models import ModelSpec, SmpSpec, UNetSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS
from raytrain.models import ARCHITECTURES, build_model, refusal
from raytrain.models.weights import fetch_weights, weights_file

DEFAULTS = [TypeAdapter(ModelSpec).validate_python({"name": name}) for name in ARCHITECTURES]
UNETS = [
    UNetSpec(width=4, depth=depth, norm=norm) for depth in (1, 3) for norm in ("batch", "group")
] + [UNetSpec(width=3, depth=2, norm="group", dropout=0.5), UNetSpec(width=2, depth=6)]
DECODERS = [SmpSpec(decoder=decoder) for decoder in SMP_DECODERS]
OTHERS = [SmpSpec(encoder="efficientnet-b0"), SmpSpec(encoder="mit_b0")]
SPECS = list(dict.fromkeys([*DEFAULTS, *UNETS, *DECODERS, *OTHERS]))


def _side(spec: ModelSpec) -> int:
    return 128 if isinstance(spec, SmpSpec) and spec.decoder == "pan" else 64


def _label(spec: ModelSpec) -> str:
    return "-".join(str(value) for value in spec.model_dump().values())


def _built(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    torch.manual_seed(0)
    return build_model(spec, channels, classes, None).eval()


def _image(channels: int, height: int, width: int) -> torch.Tensor:
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("spec", SPECS, ids=_label)
def test_every_architecture_keeps_the_contract(spec: ModelSpec) -> None:
    side = _side(spec)
    model, image = _built(spec, 1, 4), _image(1, side, side)
    logits = model(image)
    assert logits.shape == (2, 4, side, side)
    logits.square().sum().backward()
    with torch.inference_mode():
        _expect_gradients(spec, model, image, logits)
        _expect_save_and_load(model, image, logits)
        _expect_no_activation(model, image, logits)


def _expect_gradients(
    spec: ModelSpec, model: nn.Module, image: torch.Tensor, logits: torch.Tensor
) -> None:
    """What gets no gradient is not used at all; our own networks have no such parameter."""
    silent = [name for name, value in model.named_parameters() if value.grad is None]
    assert isinstance(spec, SmpSpec) or not silent
    assert len(silent) < len(list(model.parameters())) / 2
    if silent:
        for name in silent:
            model.get_parameter(name).add_(1)
        assert torch.equal(model(image), logits), silent


def _expect_save_and_load(model: nn.Module, image: torch.Tensor, logits: torch.Tensor) -> None:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    for value in model.parameters():
        value.mul_(0.5).add_(0.01)
    assert not torch.equal(model(image), logits)
    buffer.seek(0)
    model.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(model(image), logits)


def _expect_no_activation(model: nn.Module, image: torch.Tensor, logits: torch.Tensor) -> None:
    """The last convolution's bias shifts the output by as much, so nothing bounds it."""
    heads = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    head = [layer for layer in heads if layer.out_channels == 4 and layer.bias is not None][-1]
    head.bias += torch.tensor([50.0, -50.0, 7.0, 0.0])
    shift = model(image) - logits
    expected = torch.tensor([50.0, -50.0, 7.0, 0.0])[:, None, None].expand_as(shift)
    torch.testing.assert_close(shift, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("spec", DEFAULTS + UNETS[1:2], ids=_label)
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 4), (4, 2)])
def test_channels_and_classes(spec: ModelSpec, channels: int, classes: int) -> None:
    with torch.inference_mode():
        logits = _built(spec, channels, classes)(_image(channels, 32, 64))
    assert logits.shape == (2, classes, 32, 64)


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (31, 16), (50, 33)])
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_the_unet_takes_odd_sizes(depth: int, size: tuple[int, int]) -> None:
    spec = UNetSpec(width=2, depth=depth)
    assert refusal(spec, 1, 3, *size) is None
    with torch.inference_mode():
        assert _built(spec, 1, 3)(_image(1, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize(
    ("spec", "size", "words"),
    [
        (SmpSpec(decoder="fpn"), (96, 100), "smp cannot take 100x96 images: .*divisible by 32"),
        (SmpSpec(decoder="pan"), (64, 64), "smp cannot take 64x64 images: .*too small"),
        (UNetSpec(depth=6), (96, 32), "unet cannot take 32x96 images: .*too small"),
    ],
)
def test_a_refusal_says_why(spec: ModelSpec, size: tuple[int, int], words: str) -> None:
    reason = refusal(spec, 1, 4, *size)
    assert reason is not None
    assert re.match(words, reason)
    with pytest.raises((RuntimeError, ValueError)), torch.inference_mode():
        _built(spec, 1, 4)(_image(1, *size))


@pytest.mark.parametrize("spec", SPECS, ids=_label)
def test_what_runs_is_not_refused(spec: ModelSpec) -> None:
    assert refusal(spec, 1, 4, _side(spec), _side(spec)) is None


def test_the_unets_size_by_hand() -> None:
    def stage(inner: int, outer: int) -> int:  # two 3x3 convolutions without bias, two norms
        return 9 * inner * outer + 2 * outer + 9 * outer * outer + 2 * outer

    down = stage(1, 24) + stage(24, 48) + stage(48, 96) + stage(96, 192) + stage(192, 384)
    merge = stage(384, 192) + stage(192, 96) + stage(96, 48) + stage(48, 24)
    up = sum(4 * deep * (deep // 2) + deep // 2 for deep in (384, 192, 96, 48))
    head = 24 * 4 + 4
    model = _built(UNetSpec(width=24, depth=4), 1, 4)
    assert sum(p.numel() for p in model.parameters()) == down + merge + up + head == 4367716


def test_names_are_those_of_the_library() -> None:
    # DPT takes ViT encoders only, which have other names.
    assert {*SMP_DECODERS, "dpt"} == set(smp.MODEL_ARCHITECTURES_MAPPING)
    assert set(SMP_ENCODERS) == set(smp.encoders.get_encoder_names())
    assert len(set(SMP_ENCODERS)) == len(SMP_ENCODERS)


@pytest.fixture
def encoder_file(tmp_path: Path) -> Path:
    """A resnet18 encoder for RGB."""
    torch.save(_built(SmpSpec(), 3, 4).encoder.state_dict(), tmp_path / "encoder.pt")
    return tmp_path / "encoder.pt"


@torch.inference_mode()
def test_encoder_weights_are_read_from_a_file(encoder_file: Path) -> None:
    torch.manual_seed(5)
    colour = build_model(SmpSpec(), 3, 4, encoder_file).eval()
    saved = torch.load(encoder_file, weights_only=True)
    assert all(torch.equal(colour.encoder.state_dict()[key], saved[key]) for key in saved)
    # On a gray picture one channel must feel what three equal ones do.
    gray = build_model(SmpSpec(), 1, 4, encoder_file).eval()
    image = _image(1, 64, 64)
    for ours, theirs in zip(
        gray.encoder(image)[1:], colour.encoder(image.expand(-1, 3, -1, -1))[1:], strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "kind", ["other encoder", "list", "text", "empty", "pickled model", "cut", "folder", "missing"]
)
def test_a_file_that_does_not_fit_is_an_error(kind: str, encoder_file: Path) -> None:
    path = encoder_file.with_name("wrong.pt")
    if kind == "other encoder":
        torch.save(_built(SmpSpec(encoder="resnet34"), 3, 4).encoder.state_dict(), path)
    elif kind == "list":
        torch.save([1, 2], path)
    elif kind == "pickled model":
        torch.save(nn.Conv2d(1, 1, 1), path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        content = {"text": b"hello", "empty": b"", "cut": encoder_file.read_bytes()[:100_000]}
        path.write_bytes(content[kind])
    with pytest.raises(ValueError, match=rf"model\.weights: .*{path.name} does not fit"):
        build_model(SmpSpec(), 1, 4, path)


def test_weights_that_are_asked_for_have_a_place(tmp_path: Path, encoder_file: Path) -> None:
    assert weights_file(UNetSpec(), tmp_path) is None
    assert weights_file(SmpSpec(), tmp_path) is None
    imagenet = SmpSpec(encoder="resnet34", weights="imagenet")
    assert weights_file(imagenet, tmp_path) == tmp_path / "resnet34-imagenet.pt"
    own = SmpSpec(weights=str(encoder_file))
    assert weights_file(own, tmp_path / "weights") == encoder_file
    fetch_weights(own, tmp_path / "weights")
    with pytest.raises(ValueError, match=r"model\.weights: .*gone\.pt is not a file"):
        fetch_weights(SmpSpec(weights=str(tmp_path / "gone.pt")), tmp_path)
