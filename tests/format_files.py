"""Small data sets on disk in every format, for the tests of the formats."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import TypeAdapter

from raytrain.config.competition import CompetitionSpec
from raytrain.config.dialects import DIALECTS
from raytrain.config.formats import FormatSpec, PairedFoldersSpec
from raytrain.config.splits import FolderSplitsSpec
from raytrain.data.find import find_samples
from raytrain.data.index import Found, Index
from raytrain.data.samples import read_mask
from raytrain.rle import encode

LABELLED = {"train": ["cmr10", "cmr9"], "val": ["cmr1"], "test": ["cmr2"]}
CLASSES = ("background", "ring", "core")
MASK = np.eye(4, 6, dtype=np.uint8) + 2 * np.eye(4, 6, k=2, dtype=np.uint8)
"""What every labeled sample of a writer has."""


def write_paired_folders(root: Path) -> list[str]:
    for split, names in LABELLED.items():
        for name in names:
            save(root / split / "image" / f"{name}.png")
            if split != "test":
                save(root / split / "mask" / f"{name}_mask.png", MASK)
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


def write_numpy_stacks(root: Path) -> list[str]:
    root.mkdir(parents=True, exist_ok=True)
    for split, names in LABELLED.items():
        np.save(root / f"{split}images.npy", np.arange(24 * len(names)).reshape(-1, 4, 6))
        if split != "test":
            np.save(root / f"{split}labels.npy", np.stack([MASK] * len(names)))
    return ["train_0", "train_1", "val_0", "test_0"]


def write_rle_table(root: Path) -> list[str]:
    rows = []
    for split, names in LABELLED.items():
        for name in names:
            save(root / split / f"{name}.png")
            if split != "test":
                dialect = DIALECTS["hubmap_hpa_2022"]
                rows += [(f"{name}_{k}", encode(k == MASK, dialect)) for k in (1, 2)]
    pd.DataFrame(rows, columns=["id", "rle"]).to_csv(root / "train.csv", index=False)
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


WRITERS: dict[str, tuple[Callable[[Path], list[str]], dict[str, Any]]] = {
    "paired_folders": (write_paired_folders, {}),
    "numpy_stacks": (write_numpy_stacks, {}),
    "rle_table": (write_rle_table, {"dialect": "hubmap_hpa_2022", "id": "{name}_{class}"}),
}
"""A format's line here writes the splits of LABELLED and returns the ids in order; with its
parameters."""


def save(path: Path, array: np.ndarray = MASK) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def spec_of(name: str) -> Any:
    return TypeAdapter(FormatSpec).validate_python({"name": name, **WRITERS[name][1]})


def found_in(root: Path, spec: Any, splits: Any = None, group: Any = "N") -> Index:
    """Samples and problems of a competition."""
    competition = CompetitionSpec(
        name="c", data=str(root), format=spec, splits=splits or FolderSplitsSpec(),
        classes=CLASSES, group=group,
    )  # fmt: skip
    found = find_samples(competition, root)
    return Index(found.samples, found.problems)


def paired_in(root: Path, spec: PairedFoldersSpec | None = None, splits: Any = None) -> Index:
    return found_in(root, spec or PairedFoldersSpec(), splits, {"name": "own"})


def mask_of(spec: Any, root: Path, sample: Found) -> np.ndarray:
    return read_mask(spec, root, sample.mask, (4, 6), CLASSES, "single_label")
