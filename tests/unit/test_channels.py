"""Images of several files, one for each channel: found, put in order, and refused if one lacks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.formats import FormatSpec
from raytrain.config.splits import FolderSplitsSpec
from raytrain.data.find import FoundSamples, find_samples
from raytrain.data.new_images import Kind, find_images, read_new
from raytrain.data.samples import read_image
from tests.format_files import CLASSES, MASK, WRITERS, found_in, save, spec_of

COLORS = {"red": 10, "green": 20, "blue": 30}
WITH_FILES = [name for name in WRITERS if name != "numpy_stacks"]
"""Formats whose images are files."""


def divide(root: Path, format: Any, into: str) -> Any:
    """Write three channels in place of each image of a format, and return its new spec."""
    before, after = format.image, format.image.replace("{name}", into)
    for path in sorted(root.rglob("*.png")):
        if "mask" not in path.name:
            for color, value in COLORS.items():
                name = into.replace("{name}", path.stem).replace("{channel}", color)
                save(path.parent / f"{name}.png", np.full((4, 6), value, np.uint8))
            path.unlink()
    assert before != after
    return format.model_copy(update={"image": after})


@pytest.mark.parametrize("into", ["{name}_{channel}", "{channel}/{name}", "{channel}-{name}"])
@pytest.mark.parametrize("name", WITH_FILES)
def test_every_format_puts_the_files_of_an_image_together(
    name: str, into: str, tmp_path: Path
) -> None:
    ids = WRITERS[name][0](tmp_path)
    spec = spec_of(name)
    if name in ("coco", "cvat") and into == "{name}_{channel}":
        for path in [*tmp_path.glob("*.json"), *tmp_path.glob("*.xml")]:  # they list one file
            path.write_text(path.read_text().replace(".png", "_green.png"))
    elif into == "{channel}-{name}":
        for path in [*tmp_path.glob("*.json"), *tmp_path.glob("*.xml")]:
            path.write_text(path.read_text().replace("cmr", "green-cmr"))
    spec = divide(tmp_path, spec, into)
    index = found_in(tmp_path, spec)
    assert index.problems == []
    assert [sample.id for sample in index.samples] == ids
    for sample in index.samples:
        image_HWC = read_image(tmp_path, sample.image)
        assert image_HWC.shape == (4, 6, 3)
        assert image_HWC[0, 0].tolist() == [30, 20, 10]  # blue, green, red
        assert bool(sample.mask) == (sample.split != "test")


def search(root: Path, **format: Any) -> FoundSamples:
    spec = TypeAdapter(FormatSpec).validate_python(
        {"image": "{split}/image/{name}_{channel}.png", **format}
    )
    splits = FolderSplitsSpec(val=None)
    competition = CompetitionSpec(
        name="c", data=str(root), format=spec, splits=splits, classes=CLASSES
    )
    return find_samples(competition, root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for name in ("a", "b"):
            for color, value in COLORS.items():
                image_HW = np.full((4, 6), value, np.uint8)
                save(tmp_path / split / "image" / f"{name}_{color}.png", image_HW)
    for name in ("a", "b"):
        save(tmp_path / "train" / "mask" / f"{name}_mask.png", MASK)
    return tmp_path


def test_the_order_is_said_and_can_be_given(root: Path) -> None:
    found = search(root)
    assert "images consist of 3 files each; their channels are, in order: blue, green, red" in (
        " ".join(found.notes)
    )
    given = search(root, channels=["red", "blue"])
    assert given.problems == []
    assert read_image(root, given.samples[0].image)[0, 0].tolist() == [10, 30]


def test_a_channel_that_lacks_or_is_too_many_is_a_problem(root: Path) -> None:
    (root / "test/image/b_green.png").unlink()
    save(root / "train/image/a_nir.png")
    problems = search(root).problems
    assert len(problems) == 2
    assert "b_blue.png: there is no file of channel green beside it; add it" in problems[1]
    assert "a_blue.png: most images have no channel nir; remove the file, or list" in problems[0]
    (problem,) = search(root, channels=["red", "green"]).problems
    assert "there is no file of channel green" in problem


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ({"image": "{split}/{channel}.png"}, "is the same for all images"),
        ({"image": "{split}/{name}.png", "channels": ["red"]}, "has no {channel}"),
        ({"image": "{split}/{name}_{channel}.png", "channels": ["a", "a"]}, "each channel once"),
        ({"image": "{split}/{name}_{channel}.png", "test_image": "t/{name}.png"}, "in both image"),
        ({"mask": "{split}/{name}_{channel}.png"}, "{channel} has no meaning here"),
        ({"image_id": "{channel}"}, "{channel} has no meaning here"),
        ({"image": "{split}/{name}_{chanel}.png"}, "did you mean '{channel}'"),
    ],
)
def test_what_makes_no_sense_is_refused(format: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(FormatSpec).validate_python({"name": "paired_folders", **format})
    assert text in str(error.value)


def test_new_images_of_several_files(root: Path) -> None:
    kind = Kind(2, "uint8", "{split}/image/{name}_{channel}.png", planes=("red", "blue"))
    found = find_images([str(root / "test" / "image")], kind)
    assert ([each.id for each in found.images], found.problems) == (["a", "b"], [])
    assert read_new(found.images[0])[0, 0].tolist() == [10, 30]
    assert [Path(name).name for name in found.skipped] == ["a_green.png", "b_green.png"]
    (root / "test/image/b_red.png").unlink()
    whole = root / "other.npy"
    np.save(whole, np.zeros((4, 6, 2), np.uint8))
    found = find_images([str(root / "test" / "image"), str(whole)], kind)
    assert [each.id for each in found.images] == ["a", "other"]
    assert "b_blue.png: there is no file of channel red beside it" in found.unreadable["b"]
