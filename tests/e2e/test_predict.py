"""New images are predicted by a run and from Python, with the bits of the run itself."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from raytrain.config.target import outputs
from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.index import natural_key
from raytrain.ensemble.prediction import SHARD
from raytrain.ensemble.predictor import load_predictor
from raytrain.runs.layout import RunDir
from tests.commands import printed
from tests.e2e.small_run import same_masks


def test_own_test_images_get_the_masks_and_the_csv_of_the_run(
    place: Path, run: RunDir, tmp_path: Path
) -> None:
    images = place / "data" / "test" / "image"
    said = printed("predict", images, "--with", run.path, "--out", tmp_path, "--probabilities",
                   "--overlay", "--csv")  # fmt: skip
    cost = "40 images x 6 passes = 240 passes (2 members; networks x views: 2 x 2 + 2 x 1)"
    assert re.search(re.escape(f"predict: {cost}, about ") + r"\d+ s\n", said)
    said = printed("predict", images, "--with", run.path, "--out", tmp_path / "2", "--json")
    found = json.loads(said.splitlines()[-1])["result"]
    assert sorted(map(Path, found["masks"])) == sorted((tmp_path / "2").glob("*.png"))
    same_masks(run, tmp_path)
    assert (tmp_path / "submission.csv").read_bytes() == run.submission.read_bytes()
    for path in sorted(images.iterdir())[:3]:
        prob_KHW = np.load(tmp_path / f"{path.stem}.npy")
        assert (prob_KHW.shape, prob_KHW.dtype) == ((4, 96, 96), np.float16)
        np.testing.assert_allclose(prob_KHW.astype(float).sum(0), 1, atol=2e-3)
        overlay, image = (np.asarray(Image.open(each).convert("RGB")).astype(int)
                          for each in (tmp_path / f"{path.stem}_overlay.png", path))  # fmt: skip
        background = decode_mask(tmp_path / f"{path.stem}.png") == 0
        assert np.array_equal(overlay[background], image[background])
        assert (overlay != image).any()


def test_a_predictor_takes_arrays_tensors_and_paths(place: Path, run: RunDir) -> None:
    predictor = load_predictor(place / "bundle.zip")
    paths = sorted((place / "data/test/image").iterdir(), key=lambda path: natural_key(path.stem))
    image_NHWC = np.stack([decode_image(path) for path in paths[:SHARD]])
    image_NCHW = image_NHWC.transpose(0, 3, 1, 2)
    expected = np.stack([decode_mask(run.mask(path.stem)) for path in paths[:SHARD]])
    assert np.array_equal(predictor.mask(image_NCHW), expected)
    assert predictor.mask(image_NCHW).dtype == np.uint8
    tensor = predictor.mask(torch.from_numpy(image_NCHW))
    assert isinstance(tensor, torch.Tensor)
    assert np.array_equal(tensor.numpy(), expected)

    prob_KHW = predictor(image_NHWC[0])
    assert prob_KHW.shape == (outputs(4, "single_label"), 96, 96)
    for given in (paths[0], str(paths[0]), image_NHWC[0, ..., 0], image_NHWC[0].astype(float)):
        assert np.array_equal(predictor(given), prob_KHW)
    as_tensor = predictor(torch.from_numpy(image_NHWC[0]))
    assert not as_tensor.requires_grad
    assert np.array_equal(as_tensor.numpy(), prob_KHW)
    np.testing.assert_allclose(predictor(image_NCHW)[0], prob_KHW, atol=1e-5)
    assert np.array_equal(load_predictor(run.path)(paths[0]), prob_KHW)


def test_a_predictor_says_what_it_expects(place: Path, tmp_path: Path) -> None:
    predictor = load_predictor(place / "bundle.zip")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "color.png")
    for given, told in (
        ("none.png", r"none\.png: no such file; give the path of an image, or an array"),
        (tmp_path / "color.png", r"8x8, 3 channels, uint8, but .* 1 channel, uint8"),
        (
            [[0]],
            r"list is not an image; give an array or tensor, H x W x 1 or N x 1 x H x W or H x W",
        ),
        (np.zeros((1, 96, 96)), r"on 1 channel.* shape \[1, 96, 96\]"),
        (np.zeros((2, 3, 9, 9)), r"shape \[2, 3, 9, 9\]"),
        (np.zeros((0, 1, 9, 9)), r"shape \[0, 1, 9, 9\]"),
        (np.full((9, 9), 0.5), "the data's own values, not scaled ones"),
        (np.full((9, 9), 256), "the data's own values, not scaled ones"),
        (np.full((9, 9), np.nan), r"values that are not finite .NaN or inf.; replace them"),
        (torch.full((9, 9), -torch.inf), "values that are not finite"),
        (np.full((9, 9), True), "the type bool, but the network was trained on uint8; give the"),
        (np.full((9, 9), 1j), "the type complex128, but the network was trained on uint8"),
        (np.full((9, 9), "a"), "the type <U1, but the network was trained on uint8"),
        (np.full((9, 9), None), "the type object, but the network was trained on uint8"),
    ):
        for ask in (predictor, predictor.mask):
            with pytest.raises(ValueError, match=told):
                ask(given)
    assert predictor.mask(np.zeros((1, 1), np.uint8)).shape == (1, 1)
    for path, told in (
        (tmp_path, "no run with an ensemble, no bundle and no checkpoint; give a run's folder"),
        (place / "runs.yaml", "give a run's folder"),
        (tmp_path / "none.pt", "not a checkpoint of raytrain"),
    ):
        with pytest.raises(ValueError, match=told):
            load_predictor(path)


def test_other_sizes_are_predicted_whatever_else_is_predicted(place: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = ((96, 96), (40, 128), (131, 77), (96, 96), (40, 128))
    for number, size_HW in enumerate(sizes):
        image = Image.fromarray(rng.integers(0, 256, size_HW).astype(np.uint8))
        image.save(tmp_path / f"{number}.png")
    words = ("--with", place / "bundle.zip", "--out")
    printed("predict", tmp_path, *words, tmp_path / "all")
    for number, size_HW in enumerate(sizes):
        printed("predict", tmp_path / f"{number}.png", *words, tmp_path / "one")
        together, alone = (tmp_path / out / f"{number}.png" for out in ("all", "one"))
        assert decode_mask(together).shape == size_HW
        differing = (decode_mask(together) != decode_mask(alone)).mean()
        assert differing < 1e-3, "batches of other sizes may change the last bits, and no more"


def test_nothing_is_written_when_an_input_is_wrong(place: Path, tmp_path: Path) -> None:
    noise = np.zeros((96, 96), np.uint8)
    for name in ("a.png", "b/a.png", "good.png", "good_overlay.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / name)
    Image.fromarray(np.zeros((96, 96, 3), np.uint8)).save(tmp_path / "color.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    out = tmp_path / "out"
    words = ("--with", place / "bundle.zip", "--overlay", "--out")
    told = printed("predict", tmp_path, tmp_path / "b", tmp_path / "none", *words, out, code=1)
    for text in (
        "nothing was predicted", "its name 'a' is also that of", "torn.png: unreadable",
        "color.png: 96x96, 3 channels, uint8, but the network was trained on 1 channel, uint8",
        "none: no such file or folder", "both 'good_overlay' and 'good' need this name",
    ):  # fmt: skip
        assert text in told
    assert not out.exists()
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "inner"):
        assert f"{tmp_path / 'file'}: is not a folder; choose another --out" in printed(
            "predict", tmp_path / "good.png", *words[:3], "--out", place, code=1
        )
    assert "is an input and would be overwritten" in printed(
        "predict", tmp_path / "good.png", *words, tmp_path, code=1
    )
    assert np.array_equal(decode_image(tmp_path / "good.png")[..., 0], noise)
