"""COCO: one JSON file of images, categories and objects."""

from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.data.formats.annotated import (
    AnnotatedImage,
    Drawing,
    Size,
    are_objects,
    listed_in,
    size_in,
)
from raytrain.data.outlines import COMPRESSED, counted, polygons
from raytrain.rle import decode


def read_coco(path: Path) -> dict[str, AnnotatedImage]:
    """Return the images that a COCO file lists, with their objects, by their positions in the file.
    Raises ValueError that lists the file's problems."""
    tree, images = listed_in(path, "images", "COCO")
    problems = [
        f"{path}: {key} is no list of objects; correct it"
        for key in ("annotations", "categories")
        if not are_objects(tree.get(key, []))
    ]
    if problems:
        raise ValueError("\n".join(problems))
    annotations = tree.get("annotations", [])
    names = {_id(each, "id"): each.get("name") for each in tree.get("categories", [])}
    problems = _problems(path, images, annotations, names)
    if problems:
        raise ValueError("\n".join(problems))
    files = {each["id"]: each["file_name"] for each in images}
    drawings: dict[Any, list[Drawing]] = defaultdict(list)
    for each in annotations:
        id = each["image_id"]
        name = f"{files[id]}: object {each.get('id')}"
        drawings[id].append(Drawing(str(names[each["category_id"]]), name, partial(_draw, each)))
    labeled = "annotations" in tree
    return {
        str(at): AnnotatedImage(
            each["file_name"],
            size_in(each.get("height"), each.get("width")),
            tuple(drawings[each["id"]]),
            labeled,
        )
        for at, each in enumerate(images)
    }


def _problems(
    path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]],
    names: dict[Any, Any],
) -> list[str]:  # fmt: skip
    problems = [
        f"{path}: images[{at}] has no id or no file_name; add them"
        for at, each in enumerate(images)
        if _id(each, "id") is None or not isinstance(each.get("file_name"), str)
    ]
    ids = Counter(_id(each, "id") for each in images)
    problems += [
        f"{path}: {n} images have the id {id!r}; give each its own"
        for id, n in ids.items()
        if n > 1 and id is not None
    ]
    for each in annotations:
        here = f"{path}: object {each.get('id')}"
        if _id(each, "image_id") not in ids:
            problems.append(
                f"{here}: the file lists no image with its image_id {each.get('image_id')!r}; "
                "correct the id, or remove the object"
            )
        if names.get(_id(each, "category_id")) is None:
            problems.append(
                f"{here}: the file lists no category with its category_id "
                f"{each.get('category_id')!r} and a name; correct the id, or add the category"
            )
    return problems


def _id(tree: dict[str, Any], key: str) -> int | str | None:
    """Return the number or text under a key; None for anything else."""
    value = tree.get(key)
    return value if isinstance(value, int | str) else None


def _draw(annotation: dict[str, Any], size_HW: Size) -> np.ndarray:
    """Return the bool mask (H, W) of one object. A crowd is drawn like any other object. Raises
    ValueError when it has no segmentation, or one that does not fit the image."""
    shape = annotation.get("segmentation")
    if not shape:
        raise ValueError(
            "it has no segmentation, and a box alone is no mask; add the "
            "segmentation, or remove the object"
        )
    if isinstance(shape, list):
        return polygons(shape, size_HW)
    if not isinstance(shape, dict):
        raise ValueError(
            "its segmentation is neither a list of polygons nor run lengths; write one of them"
        )
    counts, size = shape.get("counts"), shape.get("size")
    if size != [*size_HW]:
        raise ValueError(
            f"its runs have the size {size}, but its image has {[*size_HW]}; correct `size`, which "
            "is [height, width]"
        )
    if isinstance(counts, str):
        return decode(counts, size_HW, COMPRESSED)
    return counted(counts, size_HW, "column")
