"""Folders as research data sets and annotation tools leave them."""

import json
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.layouts.scene import Masks, blobs, labelled, picture, rgb, write, write_rows

COLORS = {0: (0, 0, 0), 1: (255, 0, 0), 2: (0, 128, 0), 255: (192, 224, 224)}


def draw_membranes(root: Path, rng: np.random.Generator) -> Masks:
    """ISBI 2012: three TIFF stacks; masks of 0 and 255. A mask is named after its page."""
    truth: Masks = {}
    for split, count in (("train", 8), ("test", 3)):
        masks = [
            labelled([(1, m) for m in blobs(rng, (48, 48), 2)], (48, 48)) for _ in range(count)
        ]
        images = np.stack([picture(rng, mask_HW) for mask_HW in masks])
        root.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / f"{split}-volume.tif", images, photometric="minisblack")
        if split == "train":
            labels = np.stack(masks) * np.uint8(255)
            tifffile.imwrite(root / "train-labels.tif", labels, photometric="minisblack")
            truth = {f"train_{page}": mask_HW for page, mask_HW in enumerate(masks)}
    return truth


def draw_voc(root: Path, rng: np.random.Generator) -> Masks:
    """Pascal VOC: palette PNG with a border of 255, names in text files, one image in no list."""
    truth: Masks = {}
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": [], "": []}
    for number, split in enumerate([*["train"] * 6, *["val"] * 2, *["test"] * 2, ""]):
        name, size_HW = f"2007_{number:06d}", ((32, 48), (40, 32))[number % 2]
        objects = [*zip((1, 2), blobs(rng, size_HW, 2), strict=True)]
        mask_HW = labelled(objects, size_HW)
        write(root / "JPEGImages" / f"{name}.jpg", rgb(picture(rng, mask_HW)))
        lists[split].append(name)
        if split in ("train", "val"):
            mask_HW[0] = mask_HW[-1] = 255
            palette = Image.fromarray(mask_HW, "P")
            palette.putpalette([v for k in range(256) for v in COLORS.get(k, (0, 0, 0))])
            write(root / "SegmentationClass" / f"{name}.png", palette)
            truth[name] = mask_HW
    for split in ("train", "val", "test"):
        path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        write_rows(path, lists[split][0], lists[split][1:])
    return truth


def draw_colors(root: Path, rng: np.random.Generator) -> Masks:
    """Images and RGB masks in two folders; test images in a third."""
    truth: Masks = {}
    for number in range(10):
        name, mask_HW = f"scene{number}", _colored(rng)
        folder = "images" if number < 8 else "test_images"
        write(root / folder / f"{name}.png", rgb(picture(rng, mask_HW % 255)))
        if number < 8:
            truth[name] = mask_HW
            write(root / "masks" / f"{name}.png", _in_colors(mask_HW))
    return truth


def draw_camvid(root: Path, rng: np.random.Generator) -> Masks:
    """CamVid: a folder of RGB masks beside that of each split, and `class_dict.csv`."""
    truth: Masks = {}
    for number, split in enumerate([*["train"] * 6, *["val"] * 2, *["test"] * 2]):
        name, mask_HW = f"0001TP_{number:06d}", _colored(rng)
        write(root / split / f"{name}.png", rgb(picture(rng, mask_HW % 255)))
        if split != "test":
            truth[name] = mask_HW
            write(root / f"{split}_labels" / f"{name}_L.png", _in_colors(mask_HW))
    names = {0: "Sky", 1: "Car", 2: "Tree", 255: "Void"}
    rows = [f"{names[k]},{r},{g},{b}" for k, (r, g, b) in COLORS.items()]
    write_rows(root / "class_dict.csv", "name,r,g,b", rows)
    return truth


def _colored(rng: np.random.Generator) -> np.ndarray:
    mask_HW = labelled(enumerate(blobs(rng, (32, 48), 2), 1), (32, 48))
    mask_HW[:1] = 255
    return mask_HW


def _in_colors(mask_HW: np.ndarray) -> np.ndarray:
    color_HW3 = np.zeros((*mask_HW.shape, 3), np.uint8)
    for number, color in COLORS.items():
        color_HW3[mask_HW == number] = color
    return color_HW3


def draw_coco(root: Path, rng: np.random.Generator) -> Masks:
    """COCO: a box as polygon, an ellipse as runs, a crowd; one image without an object."""
    truth: Masks = {}
    listed: dict[str, tuple[list[dict], list[dict]]] = {"train": ([], []), "test": ([], [])}
    for number in range(10):
        split, size_HW = ("train" if number < 8 else "test"), (32, 48)
        name, (images, objects) = f"{number:012d}", listed[split]
        left, top, ellipse_HW = 2 + number, 1 + number % 3, blobs(rng, size_HW, 1)[0]
        mask_HW = labelled([(1, ellipse_HW)] if number != 1 else [], size_HW)
        if number != 1:
            mask_HW[top : top + 6, left : left + 9] = 2
        write(root / split / f"{name}.jpg", rgb(picture(rng, mask_HW)))
        images.append({"id": number, "file_name": f"{name}.jpg", "height": 32, "width": 48})
        if split == "test":
            continue
        truth[name] = mask_HW
        box = [left, top, left + 9, top, left + 9, top + 6, left, top + 6]
        parts = [(7, number % 4 == 0, _counts(mask_HW == 1)), (3, False, [box])]
        for category, crowd, shape in parts if number != 1 else []:
            objects.append(
                {"id": len(objects) + 1, "image_id": number, "category_id": category,
                 "iscrowd": int(crowd), "segmentation": shape}
            )  # fmt: skip
    categories = [{"id": 7, "name": "cell"}, {"id": 3, "name": "box"}]
    for split, file in (("train", "instances_train"), ("test", "image_info_test")):
        content = {"images": listed[split][0], "categories": categories}
        if split == "train":
            content["annotations"] = listed[split][1]
        path = root / "annotations" / f"{file}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return truth


def _counts(mask_HW: np.ndarray) -> dict[str, list[int]]:
    """Return COCO's uncompressed runs, background first."""
    flat = mask_HW.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"counts": [0, *counts] if flat[0] else counts, "size": [*mask_HW.shape]}
