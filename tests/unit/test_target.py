"""What mask values mean: overlapping classes as bits, and pixels that nobody judged."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.target import IGNORE, layer, outputs, stored_type
from raytrain.data.augment import augmented, build_augmentation
from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.data.labels import class_pixels
from raytrain.metrics.decide import mask_of
from raytrain.metrics.dice import dice_per_image, overlap_counts

CLASSES = ("background", "large", "small", "stomach")
LAYERS = np.zeros((3, 4, 6), bool)
LAYERS[0, 1:3, 1:5] = True
LAYERS[1, 2:4, 2:6] = True
LAYERS[2, 0, 0] = LAYERS[2, 2, 2] = True
BITS = LAYERS[0] * 1 + LAYERS[1] * 2 + LAYERS[2] * 4
"""Row 2 reads 0 1 7 3 3 2."""


def test_bits_of_a_row_worked_out_by_hand() -> None:
    assert BITS[2].tolist() == [0, 1, 7, 3, 3, 2]
    for mask in (BITS, torch.from_numpy(BITS), BITS.astype(np.uint8)):
        for number in (1, 2, 3):
            found = np.asarray(layer(mask, number, "multi_label"))
            assert np.array_equal(found, LAYERS[number - 1])
        nowhere = np.asarray(layer(mask, 0, "multi_label"))
        assert np.array_equal(nowhere, ~LAYERS.any(0))
    assert class_pixels(BITS, 4, "multi_label") == [24 - 14, 8, 8, 2]


def test_maps_become_masks_by_the_best_class_or_each_by_itself() -> None:
    prob = np.array([[0.2, 0.6, 0.5], [0.7, 0.6, 0.1], [0.1, 0.9, 0.51]])[:, None]
    for maps in (prob, torch.from_numpy(prob)):
        assert np.asarray(mask_of(maps, "single_label")).tolist() == [[1, 2, 2]]
        assert np.asarray(mask_of(maps, "multi_label")).tolist() == [[2, 7, 4]]
    assert (outputs(4, "single_label"), outputs(4, "multi_label")) == (4, 3)
    types = [stored_type(classes, "multi_label") for classes in (2, 9, 10, 17)]
    assert types == ["uint8", "uint8", "uint16", "uint16"]


def _files_per_class(root: Path) -> dict[str, Any]:
    for number, name in enumerate(CLASSES[1:]):
        _save(root / f"train/mask/a_{name}.png", LAYERS[number].astype(np.uint8) * 255)
    return {"mask": "{split}/mask/{name}_{class}.png"}


def _one_file_of_channels(root: Path) -> dict[str, Any]:
    _save(root / "train/mask/a_mask.png", np.moveaxis(LAYERS, 0, -1).astype(np.uint8) * 255)
    return {}


def _one_array(root: Path) -> dict[str, Any]:
    (root / "train/mask").mkdir(parents=True)
    np.save(root / "train/mask/a_mask.npy", np.moveaxis(LAYERS, 0, -1) * np.uint8(1))
    return {"mask": "{split}/mask/{name}_mask.npy"}


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def _competition(root: Path, format: dict[str, Any]) -> CompetitionSpec:
    return CompetitionSpec.model_validate(
        {"name": "uw", "data": str(root), "classes": CLASSES, "target": "multi_label",
         "format": format, "splits": {"val": None, "test": None}}
    )  # fmt: skip


@pytest.mark.parametrize("write", [_files_per_class, _one_file_of_channels, _one_array])
def test_overlapping_classes_come_from_files(write: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    _save(root / "train/image/a.png", np.arange(24, dtype=np.uint8).reshape(4, 6))
    report = inspect(_competition(root, write(root)))
    assert open_cache(report).mask(0).tolist() == BITS.tolist()
    facts = report.splits["train"]
    assert (facts.class_pixels, facts.judged_pixels) == ((10, 8, 8, 2), 24)
    assert report.map_shapes(("a",)) == [(3, 4, 6)]


def test_overlapping_classes_come_from_a_stack(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    np.save(root / "trainimages.npy", np.arange(48).reshape(2, 4, 6).astype(np.uint8))
    layers = np.moveaxis(LAYERS, 0, -1)
    np.save(root / "trainlabels.npy", np.stack([layers, ~layers]))
    cache = open_cache(inspect(_competition(root, {"name": "numpy_stacks"})))
    assert cache.mask(0).tolist() == BITS.tolist()
    assert cache.mask(1).tolist() == (7 - BITS).tolist()


def test_too_few_layers_are_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    _save(root / "train/image/a.png", np.zeros((4, 6), np.uint8))
    _save(root / "train/mask/a_mask.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"a_mask\.png: the mask has 1 layers, but 3 classes"):
        inspect(_competition(root, {}))


def test_what_cannot_overlap_is_refused_by_the_config() -> None:
    for change, words in (
        ({"format": {"labels": {"ignore": [9]}}}, "leave labels out"),
        ({"classes": [f"c{number}" for number in range(18)]}, "at most 16 classes may overlap"),
        ({"target": "multilabel"}, "multi_label"),
        ({"format": {"labels": {"ignore": [9]}}, "metric": "accuracy"}, "threshold; metric: acc"),
    ):
        base = {"name": "x", "data": "d", "classes": CLASSES, "target": "multi_label"}
        with pytest.raises(ValidationError, match=words):
            CompetitionSpec.model_validate(base | change)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_augmentation_moves_bits_without_mixing_them(dtype: type) -> None:
    values = np.array([0, 1, 5, 130, 255], np.uint16) * (1 if dtype is np.uint8 else 257)
    mask = np.kron(values[np.arange(25).reshape(5, 5) % 5], np.ones((12, 12))).astype(dtype)
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 1)).astype(np.uint8)
    augment = build_augmentation(("slices", "flips"))
    for seed in range(30):
        _, moved = augmented(augment, image, mask, np.random.SeedSequence(seed))
        assert moved.dtype == dtype
        assert set(np.unique(moved)) <= {*values, 0}


def test_counts_of_overlapping_classes() -> None:
    rng = np.random.default_rng(0)
    pred, true = rng.integers(0, 8, (2, 5, 9, 7))
    counts = overlap_counts(
        torch.from_numpy(pred), torch.from_numpy(true), 4, "multi_label"
    ).numpy()
    for number in range(4):
        ours, theirs = (layer(mask, number, "multi_label") for mask in (pred, true))
        for image in range(5):
            table = pd.crosstab(ours[image].ravel(), theirs[image].ravel())
            expected = [table.at[True, True], table.at[True, False], table.at[False, True]]
            assert counts[image, number].tolist() == expected


def test_ignored_pixels_count_nowhere() -> None:
    true = torch.tensor([[[0, 1, 2, IGNORE, IGNORE, 1]]])
    pred = torch.tensor([[[0, 1, 1, 2, 0, 0]]])
    counts = overlap_counts(pred, true, 3, "single_label")[0].tolist()
    assert counts == [[1, 1, 0], [1, 1, 1], [0, 0, 1]]
    everything = overlap_counts(pred, torch.full_like(true, IGNORE), 3, "single_label")
    assert not everything.any()
    assert dice_per_image(everything.numpy()).tolist() == [[1.0, 1.0, 1.0]]


def test_a_value_may_mean_that_nobody_judged(competition) -> None:
    competition.fill(train=2, val=1, test=1)
    mask = np.full((10, 12), 2, np.uint8)
    mask[0], mask[1] = 255, 254
    competition.add("train", "cmr1", np.zeros((10, 12), np.uint8), mask)
    spec = competition.spec("(N+1)//2")
    with pytest.raises(ValueError, match=r"mask values \[254, 255\] do not belong to any of the 3"):
        inspect(spec)
    labels = {"ignore": [254, 255]}
    ignoring = CompetitionSpec.model_validate(spec.model_dump() | {"format": {"labels": labels}})
    report = inspect(ignoring)
    row = open_cache(report).rows(("cmr1",))[0]
    assert open_cache(report).mask(int(row))[:3, 0].tolist() == [IGNORE, IGNORE, 2]
    assert report.splits["train"].ignored_pixels == 24
    assert report.splits["train"].judged_pixels == 4 * 120 - 24


def test_what_masks_mean_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    """Trials of two channels must not stand in for trials of one."""
    root = tmp_path / "data"
    _save(root / "train/image/a.png", np.arange(24, dtype=np.uint8).reshape(4, 6))
    _save(root / "train/mask/a_mask.png", LAYERS[0].astype(np.uint8))
    base = {"name": "x", "data": str(root), "splits": {"val": None, "test": None}}
    found = {
        inspect(CompetitionSpec.model_validate(base | change)).fingerprint
        for change in (
            {"classes": ["bg", "a"]},
            {"classes": ["bg", "a"], "target": "multi_label"},
        )
    }
    assert len(found) == 2
    renamed = inspect(CompetitionSpec.model_validate(base | {"classes": ["0", "1"]})).fingerprint
    assert renamed in found
