"""A team-mate's folder, written in each of the formats that may join."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from raytrain.data.folds import Folds
from raytrain.data.report import DataReport

Write = Callable[[Path, str, np.ndarray], None]
"""Folder, id and prob_KHW -> files."""


def nnunet(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    """As nnU-Net v2 leaves a 2D case: K,1,H,W, and its mask beside it."""
    np.savez_compressed(folder / f"{id}.npz", probabilities=prob_KHW[:, None].astype(np.float32))
    cv2.imwrite(str(folder / f"{id}.png"), prob_KHW.argmax(0).astype(np.uint8))


def plain_npz(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    np.savez(folder / f"{id}.npz", probabilities=prob_KHW.astype(np.float16))


def npy(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    np.save(folder / f"{id}.npy", prob_KHW)


def png_by_number(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    for number, prob_HW in enumerate(prob_KHW):
        write_png(folder / f"{id}_{number}.png", prob_HW)


def npy_foreground(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    np.save(folder / f"{id}.npy", prob_KHW[-1])


def png_foreground(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    write_png(folder / f"{id}.png", prob_KHW[-1])


def write_png(path: Path, prob_HW: np.ndarray) -> None:
    cv2.imwrite(str(path), np.round(prob_HW * 65535).astype(np.uint16))


def some_maps(report: DataReport, ids: tuple[str, ...], seed: int) -> dict[str, np.ndarray]:
    """prob_KHW (float32) of each image, sums of 1 where a pixel is of one class."""
    rng = np.random.default_rng(seed)
    maps = {}
    for id, shape in zip(ids, report.map_shapes(ids), strict=True):
        prob_KHW = rng.uniform(0.01, 1, shape)
        if report.target == "single_label":
            prob_KHW /= prob_KHW.sum(0)
        maps[id] = prob_KHW.astype(np.float32)
    return maps


def write_given(
    folder: Path, report: DataReport, folds: Folds, write: Write, name: str = "anna", seed: int = 0
) -> dict[str, np.ndarray]:
    """A whole folder that may join; returns its maps by id."""
    ids = {"oof": report.ids("train", "val"), "test": report.ids("test")}
    maps: dict[str, np.ndarray] = {}
    for part, names in ids.items():
        (folder / part).mkdir(parents=True)
        of_part = some_maps(report, names, seed)
        for id, prob_KHW in of_part.items():
            write(folder / part, id, prob_KHW)
        maps |= of_part
    fold_of = {id: fold for fold, val_ids in enumerate(folds.val_ids) for id in val_ids}
    card = {"name": name, "folds": folds.hash, "fold_of": fold_of}
    (folder / "member.json").write_text(json.dumps(card))
    return maps
