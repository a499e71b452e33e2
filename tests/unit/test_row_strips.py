"""What is computed by strips of rows does not depend on the strips."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.stats import skew

from raytrain.config.competition import CompetitionSpec
from raytrain.config.splits import FolderSplitsSpec
from raytrain.config.target import Target
from raytrain.data import second_opinion
from raytrain.data import strips as strips_module
from raytrain.data.checks import inspect
from raytrain.data.contact_sheet import cell
from raytrain.data.decode import decode_image
from raytrain.data.duplicates import SIDE, signature
from raytrain.data.labels import class_pixels
from raytrain.data.second_opinion import decoder_disagreement
from raytrain.data.shift import QUANTILES, simple_statistics
from raytrain.data.strips import channel_sum, gray, strips

TYPES = (np.uint8, np.int16, np.uint16, np.float32)


def _drawn(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=shape) * 40 + 120).astype(dtype)


def _only_train(competition: Any) -> CompetitionSpec:
    splits = FolderSplitsSpec(val=None, test=None)
    return competition.spec("N").model_copy(update={"splits": splits})


def _small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips_module, "STRIP", 100)


def test_strips_cover_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [*strips(np.zeros((512, 512)))] == [slice(0, 512)]
    assert [*strips(np.zeros((1025, 512)))] == [slice(0, 512), slice(512, 1024), slice(1024, 1025)]
    assert [*strips(np.zeros((2, 2**20, 3), np.uint8))] == [slice(0, 1), slice(1, 2)]
    assert [*strips(np.zeros((0, 7)))] == []


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(1, 1), (41, 37), (3, 150), (170, 2)])
@pytest.mark.parametrize("channels", [1, 3, 9])
def test_statistics_do_not_depend_on_strips(
    shape: tuple[int, int], channels: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against plain numpy, scipy and OpenCV on the whole image."""
    _small_strips(monkeypatch)
    image = _drawn((*shape, channels), dtype)
    whole_HW = image.astype(np.float64).mean(2)
    np.testing.assert_allclose(gray(image), whole_HW, rtol=1e-13)
    assert channel_sum(image, np.float64).dtype == np.float64
    across, down = (cv2.Sobel(whole_HW, cv2.CV_64F, *order) for order in ((1, 0), (0, 1)))
    flat = image.astype(np.float64).reshape(-1, channels)
    found = simple_statistics(image)
    spread = whole_HW.std()
    expected = [
        *shape, whole_HW.mean(), spread, skew(whole_HW, axis=None) if spread else 0,
        *np.quantile(whole_HW, QUANTILES), np.hypot(across, down).mean(),
        *(flat.mean(0) if channels > 1 else []),
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_quantiles_of_small_types_do_not_wrap() -> None:
    """Between -120 and 120 lie more than an int8 holds."""
    image = np.repeat(np.array([-120, 120], np.int8), 50).reshape(10, 10, 1)
    assert simple_statistics(image)[8] == 0
    assert cell(image, None, 2, "single_label").max() == 255


@pytest.mark.parametrize("shape", [(1300, 1100), (90, 3000), (40, 40), (700, 30), (64, 513)])
def test_a_thumbnail_is_that_of_the_whole_image(shape: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(_drawn((*shape, 3), np.float32), (0, 0), 9)
    whole_HW = image.mean(2, dtype=np.float64)
    small = cv2.resize(whole_HW - whole_HW.mean(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    expected = ((small - small.mean()) / small.std()).astype(np.float16).ravel()
    np.testing.assert_allclose(signature(image), expected, atol=2e-3)


@pytest.mark.parametrize("shape", [(31, 45), (31, 45, 3)])
def test_a_report_does_not_depend_on_strips(
    shape: tuple[int, ...], competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums of whole numbers are exact, so their means are the same bit for bit."""
    for number in range(6):
        image, mask = _drawn(shape, np.uint8), np.eye(31, 45, dtype=np.uint8) * 2
        image[number], mask[number] = 7, number % 2
        competition.add("train", f"cmr{number}", image, mask)
    spec = _only_train(competition)
    whole = inspect(spec)
    _small_strips(monkeypatch)
    parts = inspect(spec)
    assert parts.model_dump() == whole.model_dump()
    assert parts.samples.equals(whole.samples)
    image = decode_image(competition.image("train", "cmr2")).astype(float)
    assert parts.samples["square_0"][2] == (image[..., 0] ** 2).mean()


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
def test_classes_are_counted_over_all_strips(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.random.default_rng(1).integers(0, 4, (50, 30)).astype(np.uint8)
    mask[3:5] = 0
    whole = class_pixels(mask, 3, target)
    ones, twos, threes = ((mask == number).sum() for number in (1, 2, 3))
    both = target == "multi_label"
    assert whole[1:] == [ones + both * threes, twos + both * threes]
    _small_strips(monkeypatch)
    assert class_pixels(mask, 3, target) == whole


def test_differing_pixels_are_counted_over_all_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_strips(monkeypatch)
    Image.fromarray(_drawn((40, 30), np.uint8)).save(tmp_path / "a.png")
    assert decoder_disagreement(tmp_path / "a.png") is None
    read = second_opinion.as_image

    def other(*given: Any) -> np.ndarray:
        image = read(*given).copy()
        image[::10, 5] ^= 1
        return image

    monkeypatch.setattr(second_opinion, "as_image", other)
    assert "different values at 4 px" in str(decoder_disagreement(tmp_path / "a.png"))
