"""What the values, colors and files of a mask mean."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.formats import NumpyStacksSpec, PairedFoldersSpec
from raytrain.config.labels import LabelsSpec
from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.formats.paired_folders import read_paired_mask
from raytrain.data.mask_values import read_classes
from raytrain.data.samples import read_image, read_mask
from tests.format_files import CLASSES, MASK, found_in, mask_of, save

RED, GREEN, GRAY, WHITE = (255, 0, 0), (0, 128, 0), (85, 85, 85), (255, 255, 255)
ROW = np.array([[(0, 0, 0), RED, GREEN, GRAY, WHITE]], np.uint8)
VALUES = {"classes": {0: 0, "#FF0000": "ring", "#008000": 2, 85: "core"}, "ignore": ["#ffffff"]}


def _read(path: Path, **labels: Any) -> list[list[int]]:
    spec = TypeAdapter(LabelsSpec).validate_python(labels)
    return read_classes(path, spec, CLASSES, path.parent).tolist()


def _palette(path: Path) -> Path:
    image = Image.fromarray(np.arange(5, dtype=np.uint8)[None])
    image.putpalette(ROW.ravel().tolist())
    image.save(path)
    return path


def test_colors_are_classes_in_rgb_and_palettes(tmp_path: Path) -> None:
    save(tmp_path / "m.png", ROW)
    expected = [[0, 1, 2, 2, 255]]
    assert _read(tmp_path / "m.png", name="values", **VALUES) == expected
    assert _read(_palette(tmp_path / "p.png"), name="values", **VALUES) == expected
    save(tmp_path / "g.png", np.array([[0, 85, 255]], np.uint8))
    assert _read(tmp_path / "g.png", name="values", **VALUES) == [[0, 2, 255]]
    # Without a color in the labels, a palette gives its indices.
    indices = {"name": "values", "classes": {0: 0, 1: 1, 2: 2, 3: "core", 4: 0}}
    assert _read(tmp_path / "p.png", **indices) == [[0, 1, 2, 2, 0]]


def test_what_colors_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "m.png", ROW)
    with pytest.raises(
        ValueError, match=r"m\.png: .*\(colors #000000, #008000, #555555, .*'#ff0000"
    ):
        _read(tmp_path / "m.png")
    with pytest.raises(
        ValueError, match=r"m\.png: mask colors \['#008000', '#555555', '#ffffff'\]"
    ):
        _read(tmp_path / "m.png", name="values", classes={0: 0, "#ff0000": 1})
    save(tmp_path / "d.png", np.full((2, 2), 300, np.uint16))
    with pytest.raises(ValueError, match="1 or 3 channels of uint8; this one has 1 of uint16"):
        _read(tmp_path / "d.png", name="values", **VALUES)
    save(tmp_path / "m.jpg", ROW)
    with pytest.raises(ValueError, match=r"must not be JPEG, .*labels: {name: threshold}"):
        _read(tmp_path / "m.jpg", name="values", **VALUES)
    with pytest.raises(ValidationError, match="'red' is no mask value; write a number, or a color"):
        _read(tmp_path / "m.png", name="values", classes={"red": 1})
    base = {"name": "c", "data": ".", "classes": CLASSES}
    for classes, words in (({0: "rign"}, "did you mean 'ring'"), ({0: 3}, "numbers from 0 to 2")):
        labels = {"name": "values", "classes": classes}
        with pytest.raises(ValidationError, match=f"format.labels.classes: .*{words}"):
            CompetitionSpec.model_validate(base | {"format": {"labels": labels}})


def test_a_table_of_colors(tmp_path: Path) -> None:
    save(tmp_path / "m.png", ROW)
    table = tmp_path / "t.csv"
    lines = ["name,r,g,b", "background,0,0,0", "ring,255,0,0", "core,0,128,0", "core, 85,85,85",
             "Void,255,255,255"]  # fmt: skip
    table.write_text("\n".join(lines))
    labels: dict[str, Any] = {"name": "color_table", "file": "t.csv", "ignore": ["Void"]}
    assert _read(tmp_path / "m.png", **labels) == [[0, 1, 2, 2, 255]]
    table.write_text("\n".join(lines[:3]).replace("255", "256") + "\nrign,1,1,1\nbackground,0,0,0")
    with pytest.raises(ValueError, match="row 3") as caught:
        _read(tmp_path / "m.png", **labels)
    assert str(caught.value).split("\n") == [
        f"{table}: row 3 (competition.format.labels): red, green and blue are whole numbers from 0 "
        "to 255",
        f"{table}: row 4 (competition.format.labels): class unknown 'rign'; did you mean 'ring'? "
        "(add it to competition.classes, or to ignore)",
        f"{table}: row 5 (competition.format.labels): another row has the color of "
        "'background'; correct one",
        f"{table}: has no row for class 'Void'; add one",
        f"{table}: has no row for class 'core'; add one",
    ]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_threshold_reads_lossy_masks(mode: str, tmp_path: Path) -> None:
    mask = np.kron(np.eye(4, dtype=np.uint8), np.ones((8, 8), np.uint8))
    Image.fromarray(mask * 255).convert(mode).save(tmp_path / "m.jpg", quality=60)
    assert _read(tmp_path / "m.jpg", name="threshold") == mask.tolist()
    layers = PairedFoldersSpec(mask="{split}/{name}_{class}.jpg", labels={"name": "threshold"})
    Image.fromarray(mask * 255).save(tmp_path / "a_core.jpg", quality=60)
    for target, number in (("single_label", 2), ("multi_label", 2)):
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train/a_core.jpg").write_bytes((tmp_path / "a_core.jpg").read_bytes())
        found = read_paired_mask(
            layers, tmp_path, ("train/a_core.jpg",), mask.shape, CLASSES, target
        )
        assert (found == number * mask).all()
    Image.fromarray(np.dstack([mask * 255, mask * 0, mask * 0])).save(tmp_path / "red.jpg")
    with pytest.raises(ValueError, match=r"red\.jpg: a mask must be one channel"):
        _read(tmp_path / "red.jpg", name="threshold")


def test_files_of_a_star_are_combined_by_their_labels(tmp_path: Path) -> None:
    one, two = MASK * (MASK == 1), MASK * (MASK == 2)
    for name, arrays in (("a1", (one, two)), ("a2", (MASK,))):
        save(tmp_path / f"{name}.tif")
        for number, array in enumerate(arrays):
            save(tmp_path / f"m/{name}_{number}x.png", array)
    spec = PairedFoldersSpec(image="{name}.tif", mask="m/{name}_*.png")
    index = found_in(tmp_path, spec, RangeSplitsSpec(train="1-2"))
    assert index.problems == []
    for sample in index.samples:
        np.testing.assert_array_equal(mask_of(spec, tmp_path, sample), MASK)
    save(tmp_path / "m/a1_9.png", np.where(one == 1, 2, 0).astype(np.uint8))
    [sample, _] = found_in(tmp_path, spec, RangeSplitsSpec(train="1-2")).samples
    with pytest.raises(ValueError, match=r"a1_9\.png: 4 px also belong to another class"):
        mask_of(spec, tmp_path, sample)


def test_pages_of_a_tiff_are_images_and_masks(tmp_path: Path) -> None:
    images = np.arange(4 * 24, dtype=np.uint16).reshape(4, 4, 6)
    for more in ({}, {"metadata": None}):  # with and without tifffile's own description
        more["photometric"] = "minisblack"
        tifffile.imwrite(tmp_path / "train.tif", images, **more)
        tifffile.imwrite(tmp_path / "gt.tif", np.stack([MASK] * 4), **more)
        spec = NumpyStacksSpec(images="train.tif", masks="gt.tif")
        index = found_in(tmp_path, spec, RangeSplitsSpec(train="0-3"), group={"name": "own"})
        assert index.problems == []
        for number, sample in enumerate(index.samples):
            assert read_image(tmp_path, sample.image)[..., 0].tolist() == images[number].tolist()
            np.testing.assert_array_equal(mask_of(spec, tmp_path, sample), MASK)
    tifffile.imwrite(tmp_path / "gt.tif", np.stack([MASK] * 3), **more)
    problem, *_ = found_in(tmp_path, spec, RangeSplitsSpec(train="0-3")).problems
    assert f"{tmp_path}/gt.tif: holds 3 masks, but train.tif holds 4 images" in problem
    with pytest.raises(ValueError, match=r"gt\.tif: unreadable \(page 9: index"):
        read_mask(spec, tmp_path, ("gt.tif#8",), (4, 6), CLASSES, "single_label")
    with pytest.raises(
        ValueError, match=r"has 4 pages; if each is one image, use format: {name: num"
    ):
        read_image(tmp_path, ("train.tif",))


NEAREST = {"classes": {"#000000": 0, "#ff0000": "ring", "#008000": 2}, "ignore": ["#ffffff"]}


def test_lossy_colors_have_the_class_of_the_nearest(tmp_path: Path) -> None:
    numbers_HW = np.kron(np.array([[0, 1, 2], [3, 0, 1]], np.uint8), np.ones((24, 24), np.uint8))
    colors = np.array([(0, 0, 0), RED, GREEN, WHITE], np.uint8)
    Image.fromarray(colors[numbers_HW]).save(tmp_path / "m.jpg", quality=60)
    found_HW = np.array(_read(tmp_path / "m.jpg", name="nearest", **NEAREST))
    meant_HW = np.array([0, 1, 2, 255])[numbers_HW]
    assert (found_HW == meant_HW).mean() > 0.95
    assert {*np.unique(found_HW[found_HW != meant_HW])} <= {255, 2}
    levels = np.array([0, 90, 180, 255], np.uint8)
    Image.fromarray(levels[numbers_HW]).save(tmp_path / "g.jpg", quality=60)
    gray = {"name": "nearest", "classes": {0: 0, 90: 1, 180: 2, 255: 0}}
    found_HW = np.array(_read(tmp_path / "g.jpg", **gray))
    assert (found_HW == np.array([0, 1, 2, 0])[numbers_HW]).mean() > 0.98


def test_a_pixel_between_colors_is_unlabeled(tmp_path: Path) -> None:
    # The first two are between black and red; the next two are far from every color.
    row = [(127, 0, 0), (128, 0, 0), (127, 64, 0), (255, 255, 0), *[(0, 0, 0)] * 6]
    save(tmp_path / "m.png", np.array([row], np.uint8))
    expected = [[0, 1, 255, 255, *[0] * 6]]
    assert _read(tmp_path / "m.png", name="nearest", **NEAREST) == expected


def test_what_nearest_colors_are_refused(tmp_path: Path) -> None:
    blue = np.full((8, 8, 3), (0, 0, 255), np.uint8)
    blue[:4] = 0
    save(tmp_path / "m.png", blue)
    with pytest.raises(ValueError, match=r"32 of 64 px are far .* near '#0000ff'; add it to"):
        _read(tmp_path / "m.png", name="nearest", **NEAREST)
    with pytest.raises(ValidationError, match="'#000000' and '#050000' differ by less than 16"):
        _read(tmp_path / "m.png", name="nearest", classes={"#000000": 0, "#050000": 1})
