"""Files of annotation tools: COCO, LabelMe, Supervisely and CVAT."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from raytrain.data.guess.families import Family, families
from raytrain.data.guess.files import File, split_of_file
from raytrain.data.guess.looks import spread

LARGEST = 2**31
MOST_FILES = 50
"""Largest number of files in a folder that are read for lists of many images."""
PROBED = 200
"""Number of files with one image each that are read to find the names of the classes."""


@dataclass(frozen=True)
class Annotated:
    """The annotation files of a folder, all by the same tool, and what they list."""

    format: str
    """The name of the format in raytrain."""
    files: tuple[File, ...]
    classes: tuple[str, ...]
    """The names of the classes in the files, in their order."""
    images: tuple[str, ...]
    """The names of the image files that the annotations list; empty for a file per image."""
    families: tuple[Family, ...] = ()
    """The families of the annotation files, if each file is about one image."""
    names: tuple[str, ...] = ()
    """The names of the classes in the order of their numbers, if the files contain numbers."""


def annotated(root: Path, files: list[File]) -> Annotated | None:
    """Return the annotation files among these files, of one kind such as COCO, or None."""
    jsons = Counter(file.folders for file in files if file.suffix == ".json")
    few = [file for file in files if jsons[file.folders] <= MOST_FILES]
    coco = [found for file in few if (found := _coco(root, file)) is not None]
    if coco:
        objects = [found for found in coco if found[1]]
        classes = [*dict.fromkeys(name for found in coco for name in found[2])]
        chosen = [found for found in objects if split_of_file(found[0]) != "test"] or objects
        if chosen:
            images = tuple(name for found in chosen for name in found[3])
            return Annotated("coco", tuple(found[0] for found in chosen), tuple(classes), images)
    cvat = [one for file in files if (one := _cvat(root, file)) is not None]
    if cvat:
        classes = [*dict.fromkeys(name for _, names, _ in cvat for name in names)]
        images = tuple(name for _, _, names in cvat for name in names)
        return Annotated("cvat", tuple(file for file, _, _ in cvat), tuple(classes), images)
    single = [
        each
        for family in families([file for file in files if file.suffix == ".json"])
        if (each := _per_image(root, family)) is not None
    ]
    if not single:
        return None
    alike = [each for each in single if each.format == single[0].format]
    words = sorted({name for each in alike for name in each.classes})
    joined = tuple(family for each in alike for family in each.families)
    return Annotated(alike[0].format, (), tuple(words), (), joined)


def _tree(path: Path) -> Any:
    if path.stat().st_size > LARGEST:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError):
        return None


def _coco(root: Path, file: File) -> tuple[File, bool, list[str], list[str]] | None:
    """Return (file, whether it holds objects, names of classes, names of images), or None for
    another file."""
    if file.suffix != ".json":
        return None
    tree = _tree(root / file.address)
    if not isinstance(tree, dict) or not isinstance(tree.get("images"), list):
        return None
    if not isinstance(tree.get("categories"), list):
        return None
    categories = [each for each in tree["categories"] if isinstance(each, dict)]
    images = [str(each.get("file_name", "")) for each in tree["images"] if isinstance(each, dict)]
    objects = tree.get("annotations")
    used = {each.get("category_id") for each in objects or () if isinstance(each, dict)}
    ordered = sorted(categories, key=lambda each: str(each.get("id", "")).zfill(9))
    names = [str(each.get("name", "")) for each in ordered if each.get("id") in used]
    return file, bool(used), names, images


def _cvat(root: Path, file: File) -> tuple[File, list[str], list[str]] | None:
    path = root / file.address
    if file.suffix != ".xml" or path.stat().st_size > LARGEST:
        return None
    try:
        tree = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError):
        return None
    images = tree.findall("image")
    if tree.tag != "annotations" or not images:
        return None
    labels = [shape.get("label", "") for image in images for shape in image if shape.get("label")]
    return file, sorted(set(labels)), [image.get("name", "") for image in images]


def _per_image(root: Path, family: Family) -> Annotated | None:
    """Return the files if LabelMe or Supervisely wrote them, else None."""
    trees = [_tree(root / each.address) for each in spread(family.members, PROBED)]
    known = [tree for tree in trees if isinstance(tree, dict)]
    for format, key, label in (
        ("labelme", "shapes", "label"),
        ("supervisely", "objects", "classTitle"),
    ):
        fitting = [tree for tree in known if isinstance(tree.get(key), list)]
        if not fitting or len(fitting) < 0.9 * len(known):
            continue
        objects = [each for tree in fitting for each in tree[key] if isinstance(each, dict)]
        names = Counter(str(each[label]) for each in objects if label in each)
        if names:
            return Annotated(format, (), tuple(names), (), (family,))
    return None


def stems(names: Iterable[str]) -> set[str]:
    """Return the names of image files without folder and suffix."""
    return {name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] for name in names}
