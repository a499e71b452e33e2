"""The phantom: anatomy, reproducible pixels, whole folders, and no threshold that solves it."""

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from raytrain.data.phantom import LV, MYO, RV, PhantomSplit, draw_patient, write_phantom

SPLIT = PhantomSplit(train=2, val=1, test=2)
PATIENTS = range(1, 101)
CLASSES = (RV, MYO, LV)


@pytest.fixture(scope="module")
def drawn() -> list[list[tuple[np.ndarray, np.ndarray]]]:
    return [draw_patient(0, patient) for patient in PATIENTS]


def _stack(patients: list) -> tuple[np.ndarray, np.ndarray]:
    frames = [frame for patient in patients for frame in patient]
    return np.stack([image for image, _ in frames]), np.stack([mask for _, mask in frames])


def _planes(masks_NHW: np.ndarray) -> np.ndarray:
    return np.stack([masks_NHW == label for label in CLASSES], axis=1)


def _mean_dice(found_NKHW: np.ndarray, true_NKHW: np.ndarray) -> float:
    """Per image and class, both empty = 1, then the mean."""
    common = (found_NKHW & true_NKHW).sum((2, 3))
    total = found_NKHW.sum((2, 3)) + true_NKHW.sum((2, 3))
    return float(np.where(total > 0, 2 * common / np.maximum(total, 1), 1.0).mean())


def _best_interval(inside_256: np.ndarray, all_256: np.ndarray) -> tuple[int, int]:
    """The brightness interval whose pixels have the highest Dice with one class."""
    scores = {}
    for low in range(256):
        hits, taken = inside_256[low:].cumsum(), all_256[low:].cumsum()
        dice = 2 * hits / (taken + inside_256.sum())
        high = int(dice.argmax())
        scores[low, low + high] = dice[high]
    return max(scores, key=scores.__getitem__)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_seed_and_patient_decide_the_frames() -> None:
    images, masks = _stack([draw_patient(3, 7)])
    again = _stack([draw_patient(3, 7)])
    np.testing.assert_array_equal(images, again[0])
    np.testing.assert_array_equal(masks, again[1])
    for seed, patient in ((3, 8), (4, 7), (7, 3)):
        others, other_masks = _stack([draw_patient(seed, patient)])
        assert (images != others).mean() > 0.5
        assert (masks != other_masks).any()


def test_frames_are_gray_bytes_with_four_classes(drawn: list) -> None:
    images, masks = _stack(drawn)
    assert images.shape == masks.shape == (2 * len(PATIENTS), 96, 96)
    assert images.dtype == masks.dtype == np.uint8
    assert set(np.unique(masks)) == {0, RV, MYO, LV}


def test_each_class_lies_where_a_heart_has_it(drawn: list) -> None:
    for mask in _stack(drawn)[1]:
        around_lv = ndimage.binary_dilation(mask == LV) & (mask != LV)
        assert around_lv.any()
        assert not (mask[around_lv] == RV).any()
        assert (mask[around_lv] == MYO).mean() >= 0.9
        assert ndimage.label(mask == LV)[1] == ndimage.label(mask == MYO)[1] == 1
        if (mask == RV).any():
            rv_row, lv_row = (np.nonzero(mask == label)[0].mean() for label in (RV, LV))
            assert rv_row < lv_row
            assert (ndimage.binary_dilation(mask == RV) & (mask == MYO)).any()


def test_both_frames_of_a_patient_show_one_heart(drawn: list) -> None:
    for (_, diastole), (_, systole) in drawn:
        centres = [np.argwhere(mask == LV).mean(0) for mask in (diastole, systole)]
        assert np.linalg.norm(centres[0] - centres[1]) < 4
        areas = [[(mask == label).sum() for label in (LV, MYO)] for mask in (diastole, systole)]
        walls = [math.sqrt((lv + myo) / math.pi) - math.sqrt(lv / math.pi) for lv, myo in areas]
        assert areas[1][0] < 0.8 * areas[0][0]
        assert walls[1] > walls[0]
        assert (diastole == RV).any() == (systole == RV).any()


def test_a_few_slices_have_no_rv_or_a_tiny_lv(drawn: list) -> None:
    masks = _stack(drawn)[1]
    assert 0 < (~(masks == RV).any((1, 2))).mean() < 0.1
    assert 0 < ((masks == LV).sum((1, 2)) < 120).mean() < 0.15


def test_no_rule_on_brightness_alone_segments_it(drawn: list) -> None:
    images, masks = _stack(drawn[:40])
    val_images, val_masks = _stack(drawn[40:50])
    counts = np.stack([np.bincount(images[masks == k], minlength=256) for k in range(4)])
    smooth = ndimage.uniform_filter1d(counts.astype(float), 5, axis=1)
    balanced = smooth / smooth.sum(1, keepdims=True)
    bounds = [_best_interval(counts[label], counts.sum(0)) for label in CLASSES]
    inside = [(low <= val_images) & (val_images <= high) for low, high in bounds]
    rules = {
        "most frequent class": _planes(smooth.argmax(0)[val_images]),
        "most likely class": _planes(balanced.argmax(0)[val_images]),
        "best interval": np.stack(inside, axis=1),
    }
    dice = {name: _mean_dice(found, _planes(val_masks)) for name, found in rules.items()}
    assert max(dice.values()) < 0.6, dice
    # Brightness still says something, as in a real scan; a rule that finds nothing is no bar.
    assert dice["best interval"] > 0.25, dice


def test_folders_hold_every_image_and_the_truth_apart(tmp_path: Path) -> None:
    write_phantom(tmp_path / "data", tmp_path / "truth", SPLIT, seed=5)
    labeled = {"train": range(1, 5), "val": range(5, 7)}
    expected = {f"{s}/image/ph{n}.png" for s, numbers in labeled.items() for n in numbers}
    expected |= {f"{s}/mask/ph{n}_mask.png" for s, numbers in labeled.items() for n in numbers}
    expected |= {f"test/image/ph{n}.png" for n in range(7, 11)} | {"phantom.json"}
    assert set(_files(tmp_path / "data")) == expected
    assert not (tmp_path / "data/test/mask").exists()
    assert set(_files(tmp_path / "truth")) == {f"ph{n}_mask.png" for n in range(7, 11)}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "truth"}
    record = json.loads((tmp_path / "data/phantom.json").read_text())
    assert record == {"seed": 5, "patients": {"train": 2, "val": 1, "test": 2}}


def test_files_hold_the_drawn_pixels(tmp_path: Path) -> None:
    write_phantom(tmp_path / "data", tmp_path / "truth", SPLIT, seed=5)
    for patient, images, masks in ((3, "val/image", "data/val/mask"), (4, "test/image", "truth")):
        for number, frame in enumerate(draw_patient(5, patient), start=2 * patient - 1):
            names = f"data/{images}/ph{number}.png", f"{masks}/ph{number}_mask.png"
            for name, plane in zip(names, frame, strict=True):
                written = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
                np.testing.assert_array_equal(written, plane)


def test_the_same_phantom_is_reused_and_a_lost_truth_redrawn(tmp_path: Path) -> None:
    folder, truth = tmp_path / "data", tmp_path / "truth"
    write_phantom(folder, truth, SPLIT, seed=5)
    inodes, masks = (folder.stat().st_ino, truth.stat().st_ino), _files(truth)
    write_phantom(folder, truth, SPLIT, seed=5)
    assert (folder.stat().st_ino, truth.stat().st_ino) == inodes
    truth.rename(tmp_path / "elsewhere")
    write_phantom(folder, truth, SPLIT, seed=5)
    assert folder.stat().st_ino == inodes[0]
    assert _files(truth) == masks


def test_other_parameters_are_refused(tmp_path: Path) -> None:
    folder, truth = tmp_path / "data", tmp_path / "truth"
    write_phantom(folder, truth, SPLIT, seed=5)
    before, told = _files(tmp_path), r'data holds \{"seed": 5.* not \{"seed": .*truth holds'
    for split, seed in ((SPLIT, 6), (PhantomSplit(train=3, val=1, test=2), 5)):
        with pytest.raises(ValueError, match=told):
            write_phantom(folder, truth, split, seed)
    assert _files(tmp_path) == before


def test_folders_of_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="data holds no phantom"):
        write_phantom(tmp_path / "data", tmp_path / "truth", SPLIT, seed=5)
    assert set(_files(tmp_path)) == {"data/notes.txt"}
    with pytest.raises(ValueError, match="something other than this phantom's test masks"):
        write_phantom(tmp_path / "fresh", tmp_path / "data", SPLIT, seed=5)
    with pytest.raises(ValueError, match="something other than this phantom's test masks"):
        write_phantom(tmp_path / "new/data", tmp_path / "new", SPLIT, seed=5)
    assert set(_files(tmp_path)) == {"data/notes.txt"}


def test_a_killed_generator_leaves_no_half_folder(tmp_path: Path) -> None:
    # The kernel kills the process in the middle of the first file that passes 2000 bytes.
    program = """
import pathlib, resource, signal, sys
from raytrain.data.phantom import PhantomSplit, write_phantom
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
write_phantom(*map(pathlib.Path, sys.argv[1:]), PhantomSplit(train=2, val=1, test=2), 5)
"""
    folder, truth = tmp_path / "data", tmp_path / "truth"
    command = [sys.executable, "-B", "-c", program, str(folder), str(truth)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGXFSZ
    assert not any(path.exists() for path in (folder, truth))
    write_phantom(folder, truth, SPLIT, seed=5)
    assert (len(_files(folder)), len(_files(truth))) == (17, 4)
