"""`init` recognizes files that are channels of one image by their names and their masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.formats import PairedFoldersSpec
from raytrain.pipeline.draft import draft_of
from tests.layouts.scene import blobs, labelled, picture, write


def draw_channels(root: Path, image: str, mask: str, channels: Sequence[str]) -> None:
    """Six patients, of whom the last two have no mask; `{0}` is the name, `{1}` the channel."""
    rng = np.random.default_rng(1)
    for patient in range(6):
        mask_HW = labelled([(1, blobs(rng, (32, 40), 1)[0])], (32, 40))
        for number, channel in enumerate(channels):
            values_HW = picture(rng, mask_HW) // 2 + 20 * number
            write(root / image.format(f"p{patient}", channel), values_HW.astype(np.uint8))
            if "{1}" in mask and patient < 4:
                write(root / mask.format(f"p{patient}", channel), mask_HW)
        if "{1}" not in mask and patient < 4:
            write(root / mask.format(f"p{patient}"), mask_HW)


@pytest.mark.parametrize(
    ("image", "mask", "channels", "pattern"),
    [
        ("images/{0}_{1}.png", "masks/{0}.png", ("red", "green", "blue"),
         "images/{name}_{channel}.png"),
        ("all/{0}-{1}.tif", "all/{0}-mask.tif", ("DAPI", "FITC"), "all/{name}-{channel}.tif"),
        ("imagesTr/{0}_{1}.png", "labelsTr/{0}.png", ("0000", "0001"),
         "imagesTr/{name}_{channel}.png"),
        ("{1}/{0}.png", "masks/{0}.png", ("membrane", "nuclei"), "{channel}/{name}.png"),
        ("images/{1}/{0}.png", "masks/{0}.png", ("Red", "Green", "Blue"),
         "images/{channel}/{name}.png"),
        ("x/{1}/{0}.tif", "x/gt/{0}.tif", ("ch1", "ch2"),
         "x/{channel}/{name}.tif"),
        ("x/{1}/{0}.png", "x/seg/{0}.png", ("FLAIR", "T1", "T1ce", "T2"),
         "x/{channel}/{name}.png"),
        ("x/{1}/{0}.png", "x/label/{0}.png", ("B02", "B03", "B08"), "x/{channel}/{name}.png"),
        ("x/{1}/{0}.png", "x/label/{0}.png", ("T1", "T2"), "x/{channel}/{name}.png"),
        ("train_{1}/{1}_{0}.TIF", "train_gt/gt_{0}.TIF", ("red", "green", "blue", "nir"),
         "train_{channel}/{channel}_{name}.tif"),
        ("{1}/{0}-{1}.png", "masks/{0}.png", ("T1", "T2"), "{channel}/{name}-{channel}.png"),
    ],
)  # fmt: skip
def test_files_that_are_channels_of_one_image(
    tmp_path: Path, image: str, mask: str, channels: tuple[str, ...], pattern: str
) -> None:
    draw_channels(tmp_path, image, mask, channels)
    draft = draft_of(str(tmp_path), None)
    format = draft.job.competition.format
    assert isinstance(format, PairedFoldersSpec)
    assert (format.image, format.channels, draft.problems) == (pattern, channels, ())
    assert draft.report is not None
    assert (draft.report.channels, len(draft.report.labeled)) == (len(channels), 4)


@pytest.mark.parametrize("path", ["{0}_{1}", "{1}/{0}", "{1}/{1}_{0}"])
def test_files_with_masks_of_their_own_are_no_channels(tmp_path: Path, path: str) -> None:
    draw_channels(tmp_path, f"images/{path}.png", f"masks/{path}.png", ("left", "right"))
    draft = draft_of(str(tmp_path), None)
    assert isinstance(draft.job.competition.format, PairedFoldersSpec)
    assert draft.job.competition.format.channels == ()
    assert "{channel}" not in draft.job.competition.format.image


@pytest.mark.parametrize("folders", [("left", "right"), ("a1", "b2")])
def test_folders_of_test_images_with_equal_files_are_no_channels(
    tmp_path: Path, folders: tuple[str, str]
) -> None:
    draw_channels(tmp_path, "train/images/x{0}.png", "train/masks/x{0}.png", ("one",))
    draw_channels(tmp_path, "test/{1}/{0}.png", "unused/{0}.png", folders)
    format = draft_of(str(tmp_path), None).job.competition.format
    assert isinstance(format, PairedFoldersSpec)
    assert format.channels == ()


@pytest.mark.parametrize("file", ["{1}/{0}", "{1}/{1}_{0}"])
def test_folders_of_patients_with_equal_files_are_no_channels(tmp_path: Path, file: str) -> None:
    patients = [f"p{number}" for number in range(4)]
    draw_channels(tmp_path, f"images/{file}.png", f"masks/{file}.png", patients)
    format = draft_of(str(tmp_path), None).job.competition.format
    assert isinstance(format, PairedFoldersSpec)
    assert format.channels == ()


def test_numbered_layers_beside_each_picture_may_be_the_images(tmp_path: Path) -> None:
    draw_channels(tmp_path, "train/{0}/layers/{1}.tif", "train/{0}/labels.png", ("00", "01", "02"))
    noise_HW = np.random.default_rng(2).integers(0, 255, (32, 40)).astype(np.uint8)
    for patient in range(6):
        write(tmp_path / f"train/p{patient}/photo.png", noise_HW)
    for name in "ab":
        for layer in range(3):
            write(tmp_path / f"test/{name}/layers/{layer:02d}.tif", noise_HW)
    draft = draft_of(str(tmp_path), None)
    [question] = [each for each in draft.questions if each.key == "competition.format.image"]
    assert [each.line for each in question.candidates] == [
        'image: "train/{name}/photo.png"',
        'image: "train/{name}/layers/{channel}.tif", '
        'test_image: "test/{name}/layers/{channel}.tif"',
    ]
