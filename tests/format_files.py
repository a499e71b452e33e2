"""Small data sets on disk in every format, for the tests of the formats."""

import json
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


def _pixels() -> list[tuple[str, int, int]]:
    """Return class, x and y of each pixel of MASK with a class."""
    return [(CLASSES[MASK[y, x]], int(x), int(y)) for y, x in np.argwhere(MASK)]


def write_coco(root: Path) -> list[str]:
    """A polygon around each pixel; the test images are listed without annotations."""
    for split, names in LABELLED.items():
        tree: dict[str, Any] = {"images": [], "categories": [{"id": 2, "name": "ring"}]}
        tree["categories"].append({"id": 5, "name": "core"})
        objects: list[dict[str, Any]] = []
        for name in names:
            save(root / split / f"{name}.png")
            image = {"id": name, "file_name": f"{name}.png", "height": 4, "width": 6}
            tree["images"].append(image)
            for word, x, y in _pixels():
                square = [x, y, x + 1, y, x + 1, y + 1, x, y + 1]
                objects.append(
                    {"id": len(objects), "image_id": name, "segmentation": [square],
                     "category_id": {"ring": 2, "core": 5}[word]}
                )  # fmt: skip
        more = {} if split == "test" else {"annotations": objects}
        (root / f"{split}.json").write_text(json.dumps(tree | more))
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


def write_cvat(root: Path) -> list[str]:
    """A box or a polygon around each pixel, one file for all images with masks."""
    text = "<annotations><version>1.1</version>"
    for split, names in LABELLED.items():
        for name in names:
            save(root / split / f"{name}.png")
            if split == "test":
                continue
            text += f'<image id="7" name="{split}/{name}.png" width="6" height="4">'
            for word, x, y in _pixels():
                corners = f"{x},{y};{x + 1},{y};{x + 1},{y + 1};{x},{y + 1}"
                text += {
                    "ring": f'<box label="ring" xtl="{x}" ytl="{y}" xbr="{x + 1}" ybr="{y + 1}"/>',
                    "core": f'<polygon label="core" points="{corners}"/>',
                }[word]
            text += "</image>"
    (root / "annotations.xml").write_text(f"{text}</annotations>")
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


def write_labelme(root: Path) -> list[str]:
    shapes = [
        {"label": word, "shape_type": "rectangle", "points": [[x, y], [x, y]]}
        for word, x, y in _pixels()
    ]
    tree = {"shapes": shapes, "imageHeight": 4, "imageWidth": 6}
    for split, names in LABELLED.items():
        for name in names:
            save(root / split / f"{name}.png")
            if split != "test":
                (root / split / f"{name}.json").write_text(json.dumps(tree))
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


def write_supervisely(root: Path) -> list[str]:
    objects = [
        {"classTitle": word, "geometryType": "rectangle",
         "points": {"exterior": [[x, y], [x, y]], "interior": []}}
        for word, x, y in _pixels()
    ]  # fmt: skip
    tree = {"size": {"height": 4, "width": 6}, "objects": objects}
    for split, names in LABELLED.items():
        for name in names:
            save(root / split / "img" / f"{name}.png")
            if split != "test":
                path = root / split / "ann" / f"{name}.png.json"
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(tree))
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


def write_yolo(root: Path) -> list[str]:
    lines = []
    for word, x, y in _pixels():
        corners = ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
        numbers = " ".join(f"{a / 6} {b / 4}" for a, b in corners)
        lines.append(f"{('core', 'ring').index(word)} {numbers}\n")
    for split, names in LABELLED.items():
        for name in names:
            save(root / "images" / split / f"{name}.png")
            if split != "test":
                path = root / "labels" / split / f"{name}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(lines))
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


WRITERS: dict[str, tuple[Callable[[Path], list[str]], dict[str, Any]]] = {
    "paired_folders": (write_paired_folders, {}),
    "numpy_stacks": (write_numpy_stacks, {}),
    "rle_table": (write_rle_table, {"dialect": "hubmap_hpa_2022", "id": "{name}_{class}"}),
    "coco": (write_coco, {"image": "{split}/{name}.png", "file": "{split}.json"}),
    "cvat": (write_cvat, {"image": "{split}/{name}.png"}),
    "labelme": (write_labelme, {"image": "{split}/{name}.png"}),
    "supervisely": (
        write_supervisely,
        {"image": "{split}/img/{name}.png", "file": "{split}/ann/{name}.png.json"},
    ),
    "yolo": (write_yolo, {"image": "images/{split}/{name}.png", "names": ["core", "ring"]}),
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
