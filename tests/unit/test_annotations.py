"""Objects of annotation files: drawn to the pixel, and refused with file, object and remedy."""

import base64
import io
import json
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from raytrain.config.annotations import CocoSpec, CvatSpec, LabelmeSpec, SuperviselySpec, YoloSpec
from raytrain.data.outlines import box_corners, counted, ellipse_corners, flat, polygons
from raytrain.data.samples import read_mask
from tests.format_files import CLASSES, found_in, save

TEXT = """
. . . . . .
. # # # . .
. # . # . .
. # # # . .
"""
"""Columns 1 to 3 of rows 1 to 3, with a hole."""
RING = np.array([[sign == "#" for sign in line.split()] for line in TEXT.split("\n")[1:-1]])
BOX = RING | (np.indices((4, 6)) == [[[2]], [[2]]]).all(0)


def _png(mask_HW: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask_HW).save(buffer, "PNG")
    return buffer.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _labelme(shape: dict[str, Any]) -> tuple[LabelmeSpec, str]:
    return LabelmeSpec(), json.dumps({"shapes": [{"label": "ring", **shape}]})


def _supervisely(shape: dict[str, Any]) -> tuple[SuperviselySpec, str]:
    return SuperviselySpec(), json.dumps({"objects": [{"classTitle": "ring", **shape}]})


def _coco(shape: Any) -> tuple[CocoSpec, str]:
    image = {"id": 0, "file_name": "a.jpg", "height": 4, "width": 6}
    annotation = {"id": 5, "image_id": 0, "category_id": 1, "segmentation": shape}
    categories = [{"id": 1, "name": "ring"}]
    tree = {"images": [image], "annotations": [annotation], "categories": categories}
    return CocoSpec(), json.dumps(tree)


def _cvat(element: str) -> tuple[CvatSpec, str]:
    image = f'<image name="a.jpg" width="6" height="4">{element}</image>'
    return CvatSpec(), f"<annotations>{image}</annotations>"


def _yolo(line: str) -> tuple[YoloSpec, str]:
    return YoloSpec(names=("core", "ring")), line


def _read(root: Path, given: tuple[Any, str], target: Any = "single_label") -> np.ndarray:
    spec, text = given
    (root / "o").write_text(text)
    address = "o#0" if isinstance(spec, CocoSpec | CvatSpec) else "o"
    return read_mask(spec, root, (address,), (4, 6), CLASSES, target)


SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]
OBJECTS: dict[str, tuple[Any, np.ndarray]] = {
    "coco polygon": (_coco([SQUARE]), BOX),
    "coco parts": (_coco([[1, 1, 3, 1, 3, 4, 1, 4], [3, 1, 4, 1, 4, 4, 3, 4]]), BOX),
    "coco counts": (_coco({"counts": [5, 3, 1, 1, 1, 1, 1, 3, 8], "size": [4, 6]}), RING),
    "coco string": (_coco({"counts": "531N00027", "size": [4, 6]}), RING),
    "cvat box": (_cvat('<box label="ring" xtl="1" ytl="1" xbr="4" ybr="4"/>'), BOX),
    "cvat turned": (
        _cvat('<box label="ring" xtl="1" ytl="1" xbr="4" ybr="4" rotation="90.0"/>'), BOX
    ),
    "cvat polygon": (_cvat('<polygon label="ring" points="1,1;4,1;4,4;1.0,4"/>'), BOX),
    "cvat mask": (
        _cvat('<mask label="ring" rle="0, 4, 1, 4" left="1" top="1" width="3" height="3"/>'), RING
    ),
    "labelme polygon": (_labelme({"points": [[1, 1], [3, 1], [3, 3], [1, 3]]}), BOX),
    "labelme rectangle": (
        _labelme({"shape_type": "rectangle", "points": [[3, 3], [1, 1]]}), BOX
    ),
    "labelme mask": (
        _labelme({"shape_type": "mask", "points": [[1, 1], [3, 3]],
                  "mask": _base64(_png(RING[1:, 1:4]))}),
        RING,
    ),
    "supervisely polygon": (
        _supervisely({"geometryType": "polygon", "points": {
            "exterior": [[1, 1], [3, 1], [3, 3], [1, 3]], "interior": [[[2, 2]]]}}),
        RING,
    ),
    "supervisely rectangle": (
        _supervisely({"geometryType": "rectangle", "points": {"exterior": [[3, 3], [1, 1]]}}), BOX
    ),
    "supervisely bitmap": (
        _supervisely({"geometryType": "bitmap", "bitmap": {
            "origin": [1, 1], "data": _base64(zlib.compress(_png(RING[1:, 1:4])))}}),
        RING,
    ),
    "yolo polygon": (
        _yolo("\n1 0.1666667 0.25 0.6666667 0.25 0.6666667 1.0 0.1666667 1\n"), BOX
    ),
}  # fmt: skip
"""Kind of object -> the file with one, and its pixels."""


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_is_drawn_to_the_pixel(kind: str, tmp_path: Path) -> None:
    given, expected_HW = OBJECTS[kind]
    assert _read(tmp_path, given).tolist() == expected_HW.astype(int).tolist()


def test_ellipses_and_turned_boxes_have_their_area(tmp_path: Path) -> None:
    mask_HW = polygons([flat(ellipse_corners(50, 40, 30, 10, 90))], (90, 100))
    assert abs(mask_HW.sum() / (np.pi * 300) - 1) < 0.02
    assert np.argwhere(mask_HW).mean(0) == pytest.approx([39.5, 49.5], abs=0.2)
    assert np.ptp(np.argwhere(mask_HW)[:, 0]) > 55  # it is upright
    turned_HW = polygons([flat(box_corners(20, 30, 60, 50, 30))], (90, 100))
    assert abs(turned_HW.sum() / 800 - 1) < 0.03
    rows, columns = np.argwhere(turned_HW).T
    assert np.cov(rows, columns)[0, 1] > 0  # clockwise: down on the right
    circle = {"shape_type": "circle", "points": [[30, 30], [30, 40]]}
    (tmp_path / "o").write_text(_labelme(circle)[1])
    round_HW = read_mask(LabelmeSpec(), tmp_path, ("o",), (60, 60), CLASSES, "single_label")
    assert abs(round_HW.sum() / (np.pi * 10.5**2) - 1) < 0.03
    with pytest.raises(ValueError, match="its run lengths fill 3 px, but its mask has 6x4"):
        counted([1, 2], (4, 6), "row")


WRONG: dict[str, tuple[Any, str]] = {
    "coco box": (_coco([]), r"o#0: a\.jpg: object 5: it has no segmentation"),
    "coco short": (_coco([[1, 1, 2, 2]]), "object 5: a polygon has 4 numbers"),
    "coco size": (_coco({"counts": [24], "size": [6, 4]}), r"have the size \[6, 4\]"),
    "coco counts": (_coco({"counts": [20], "size": [4, 6]}), "its run lengths fill 20 px"),
    "cvat line": (
        _cvat('<polyline label="ring" points="1,1;2,2"/>'),
        "a polyline cannot become a mask",
    ),
    "cvat number": (_cvat('<box label="ring" xtl="a"/>'), "box 1: its xtl is 'a'; write a number"),
    "cvat points": (_cvat('<polygon label="ring" points="1,1;2"/>'), "three or more pairs"),
    "cvat mask": (
        _cvat('<mask label="ring" rle="0,4" left="4" top="1" width="4" height="1"/>'),
        "its bitmap of 4x1 px at x 4, y 1 leaves the image of 6x4 px",
    ),
    "labelme line": (
        _labelme({"shape_type": "line", "points": [[1, 1], [2, 2]]}), "o: shape 1: a line has no"
    ),
    "labelme kind": (_labelme({"shape_type": "star", "points": [[1, 1]]}), "'star' is not known"),
    "labelme points": (_labelme({"points": [[1, 1], [2]]}), "shape 1: its points are no pairs"),
    "labelme png": (
        _labelme({"shape_type": "mask", "points": [[1, 1], [3, 3]], "mask": "AAAA"}),
        "its bitmap is no PNG in base64",
    ),
    "labelme file": ((LabelmeSpec(), "[]"), "o: not a LabelMe file"),
    "supervisely point": (_supervisely({"geometryType": "point"}), "a point has no area"),
    "yolo box": (_yolo("0 .5 .5 .2 .2"), "o: line 1: a box alone is no mask"),
    "yolo pixels": (_yolo("0 1 1 5 1 5 5"), "line 1: its coordinates are not from 0 to 1"),
    "yolo short": (_yolo("0 .1 .1 .5"), "line 1: a polygon has 3 numbers"),
    "yolo word": (_yolo("0 .1 .1 .5 x .2 .2"), "line 1: its coordinates are no numbers"),
    "yolo class": (_yolo("2 .1 .1 .5 .1 .5 .5"), "line 1: its class '2' is no number from 0 to 1"),
    "json": ((LabelmeSpec(), "{"), "o: cannot be read as JSON"),
    "class": (
        _labelme({"label": "rign", "points": [[1, 1], [2, 1], [2, 2]]}),
        r"class unknown 'rign'; did you mean 'ring'\?; add it to competition.classes, or give its "
        r"class in competition.format.classes: \{rign: 0\}",
    ),
    "size": (
        (LabelmeSpec(), '{"shapes": [], "imageHeight": 6, "imageWidth": 4}'),
        "o: its objects are drawn on 4x6 px, but the image has 6x4 px",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_object_is_named(kind: str, tmp_path: Path) -> None:
    given, words = WRONG[kind]
    with pytest.raises(ValueError, match=words) as caught:
        _read(tmp_path, given)
    assert str(caught.value).startswith(f"{tmp_path}/o")


def test_classes_and_overlaps_are_what_the_job_says(tmp_path: Path) -> None:
    parts = [("ring", [[0, 0], [3, 1]]), ("cat", [[2, 0], [5, 1]]), ("tree", [[0, 0], [5, 3]])]
    shapes = [{"label": w, "shape_type": "rectangle", "points": p} for w, p in parts]
    text = json.dumps({"shapes": shapes})
    classes: dict[str, int | str] = {"cat": "core", "tree": 0}
    with pytest.raises(ValueError, match=r"o: shape 2: 4 px also .*overlaps: last .*multi_label"):
        _read(tmp_path, (LabelmeSpec(classes=classes), text))
    last = LabelmeSpec(classes=classes, overlaps="last")
    assert _read(tmp_path, (last, text))[:2].tolist() == [[1, 1, 2, 2, 2, 2]] * 2
    both = _read(tmp_path, (LabelmeSpec(classes=classes), text), "multi_label")
    assert both[:3].tolist() == [[1, 1, 3, 3, 2, 2]] * 2 + [[0] * 6]


@pytest.mark.parametrize("name", ["coco", "cvat", "labelme", "supervisely", "yolo"])
def test_images_without_annotations_are_what_the_job_says(name: str, tmp_path: Path) -> None:
    files = {"coco": '{"images": [], "annotations": []}', "cvat": "<annotations/>"}
    spec: Any = {
        "coco": CocoSpec, "cvat": CvatSpec, "labelme": LabelmeSpec, "supervisely": SuperviselySpec,
        "yolo": partial(YoloSpec, names=("ring",)),
    }[name]  # fmt: skip
    for number in (1, 2):
        save(tmp_path / f"a{number}.png")
    if name in files:
        (tmp_path / "o.json").write_text(files[name])
    file = "o.json" if name in files else "{name}.json"
    fields = {"image": "{name}.png", "file": file}
    splits = {"name": "ranges", "train": "1", "test": "2"}
    asked, *more = found_in(tmp_path, spec(**fields), splits).problems
    assert more == []
    assert asked.startswith(f"{tmp_path}/a1.png: its mask is missing")
    assert asked.endswith("or competition.format.unlisted: empty")
    empty = spec(**fields, unlisted="empty")
    index = found_in(tmp_path, empty, splits)
    assert index.problems == []
    [train, test] = index.samples
    assert not test.mask
    assert not read_mask(empty, tmp_path, train.mask, (4, 6), CLASSES, "single_label").any()
    [problem] = found_in(tmp_path, spec(**fields), {"name": "fraction"}).problems
    assert "lists 0 of 2 images, but not 'a1'; set competition.format.unlisted" in problem
