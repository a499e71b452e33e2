"""Encoder weights: read from a file, refused in words, kept in one place."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from raytrain.config.job import JobSpec
from raytrain.config.models import EffUNetSpec, FcnSpec, PretrainedSpec, SetrSpec, SmpSpec, UNetSpec
from raytrain.config.search import SearchSpec
from raytrain.models import build_model
from raytrain.models.weights import fetch_weights, weights_file
from raytrain.pipeline.check import check
from raytrain.runs.layout import RunDir
from tests.model_cases import SMALL, built, image
from tests.unit.conftest import Competition


@pytest.fixture(scope="module")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A resnet18 encoder for RGB."""
    path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
    torch.save(built(SmpSpec(), 3, 4).encoder.state_dict(), path)
    return path


@torch.inference_mode()
def test_encoder_weights_are_read_from_a_file(encoder_file: Path) -> None:
    torch.manual_seed(5)
    color = build_model(SmpSpec(), 3, 4, encoder_file).eval()
    saved = torch.load(encoder_file, weights_only=True)
    assert all(torch.equal(color.encoder.state_dict()[key], saved[key]) for key in saved)
    # On a gray picture one channel must feel what three equal ones do.
    gray = build_model(SmpSpec(), 1, 4, encoder_file).eval()
    gray_image = image(1, 64, 64)
    for ours, theirs in zip(
        gray.encoder(gray_image)[1:],
        color.encoder(gray_image.expand(-1, 3, -1, -1))[1:],
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "kind", ["other encoder", "list", "text", "empty", "pickled model", "cut", "folder", "missing"]
)
def test_a_file_that_does_not_fit_is_an_error(
    kind: str, encoder_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.pt"
    if kind == "other encoder":
        torch.save(built(SmpSpec(encoder="mobilenet_v2"), 3, 4).encoder.state_dict(), path)
    elif kind == "list":
        torch.save([1, 2], path)
    elif kind == "pickled model":
        torch.save(nn.Conv2d(1, 1, 1), path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        content = {"text": b"hello", "empty": b"", "cut": encoder_file.read_bytes()[:100_000]}
        path.write_bytes(content[kind])
    with pytest.raises(ValueError, match=rf"model\.weights: .*{path.name}( does not fit|: )"):
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


@torch.inference_mode()
@pytest.mark.parametrize("name", ["effunet", "setr"])
def test_our_networks_take_encoder_files_too(name: str, tmp_path: Path) -> None:
    network = built(SMALL[name], 3, 4)
    saved = network.encoder.state_dict()
    torch.save(saved, tmp_path / "encoder.pt")
    torch.manual_seed(9)
    loaded = build_model(SMALL[name], 3, 4, tmp_path / "encoder.pt").encoder.state_dict()
    assert all(torch.equal(loaded[key], saved[key]) for key in saved)


def test_weights_of_different_encoders_never_share_a_file(tmp_path: Path) -> None:
    vit = "tu-vit_small_patch16_224"
    specs: list[PretrainedSpec] = [
        SmpSpec(encoder="vgg16", weights="imagenet"),
        SmpSpec(decoder="dpt", encoder=vit, weights="imagenet"),
        SetrSpec(encoder=vit, weights="imagenet"),
        SmpSpec(decoder="pspnet", encoder="tu-resnet18", weights="imagenet"),
        SmpSpec(decoder="unet", encoder="tu-resnet18", weights="imagenet"),
        EffUNetSpec(weights="imagenet"),
    ]
    assert len({weights_file(spec, tmp_path) for spec in specs}) == len(specs)
    # FCN and smp's decoders start from the same VGG.
    fcn = FcnSpec(weights="imagenet")
    assert weights_file(fcn, tmp_path) == weights_file(specs[0], tmp_path)


def _as_people_have_it(kind: str, state: dict[str, torch.Tensor], folder: Path) -> Path:
    head = {"fc.weight": torch.zeros(9, 512), "fc.bias": torch.zeros(9)}
    path = folder / ("weights.safetensors" if kind == "safetensors" else "weights.pt")
    match kind:
        case "safetensors":
            save_file({name: value.contiguous() for name, value in state.items()}, path)
        case "with a head":
            torch.save(state | head, path)
        case "nested":
            tree = {"epoch": 3, "state_dict": state | head, "optimizer": {"lr": torch.ones(1)}}
            torch.save(tree, path)
        case "without counters":
            torch.save({k: v for k, v in state.items() if not k.endswith("_tracked")}, path)
        case _:
            torch.save({f"{kind}{name}": value for name, value in (state | head).items()}, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18"])
@pytest.mark.parametrize(
    "kind",
    ["", "module.", "model.", "encoder.", "module.model.encoder.", "with a head", "nested",
     "without counters", "safetensors"],
)  # fmt: skip
def test_files_are_taken_as_people_have_them(kind: str, encoder: str, tmp_path: Path) -> None:
    # torchvision's names are timm's, too.
    network = torchvision.models.resnet18()
    state = {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    path = _as_people_have_it(kind, state, tmp_path)
    model = build_model(SmpSpec(encoder=encoder), 3, 4, path)
    loaded = model.encoder.state_dict()
    prefix = "model." if encoder.startswith("tu-") else ""
    assert all(torch.equal(loaded[prefix + name], value) for name, value in state.items())


def test_how_much_fits_and_what_does_not_is_said(encoder_file: Path, tmp_path: Path) -> None:
    state = torch.load(encoder_file, weights_only=True)
    del state["layer4.1.conv2.weight"], state["bn1.bias"]
    state["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    torch.save(state, tmp_path / "less.pt")
    with pytest.raises(ValueError, match="does not fit this encoder: ") as error:
        build_model(SmpSpec(), 3, 4, tmp_path / "less.pt")
    assert str(error.value).endswith(
        "97 of 100 entries fit; missing: bn1.bias, layer4.1.conv2.weight; "
        "of another shape: conv1.weight [64, 3, 3, 3] for [64, 3, 7, 7]; give a file of the same "
        "encoder"
    )


def test_a_file_that_does_not_fit_is_found_by_check(
    competition: Competition,
    encoder_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    competition.fill(train=2, val=1, test=1)
    fits = {"name": "smp", "encoder": "resnet18", "weights": str(encoder_file)}
    other = fits | {"encoder": "resnet34"}
    job = JobSpec.model_validate({
        "competition": competition.spec("(N+1)//2").model_dump(),
        "trial": {"model": fits},
        "search": {"space": {"model": {"choice": [fits, other]}}},
    })  # fmt: skip
    with pytest.raises(ValueError, match=r"trial\.model\.weights: .* 100 of 180 entries fit"):
        check(job, RunDir(tmp_path / "run"))
    alone = job.model_copy(update={"search": SearchSpec()})
    check(alone, RunDir(tmp_path / "run"))
    assert "not used" not in capsys.readouterr().out
    torch.save(torch.load(encoder_file) | {"fc.bias": torch.zeros(9)}, encoder_file)
    check(alone, RunDir(tmp_path / "run"))
    assert "1 entries are not used: fc.bias" in capsys.readouterr().out
