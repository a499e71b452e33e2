"""Folders as people leave them: where images and masks are, and what the masks' values mean."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from raytrain.data.find import find_samples
from raytrain.pipeline.draft import Draft, draft_of
from tests.format_files import MASK, WRITERS
from tests.layouts.scene import blobs, labelled, picture, rgb, write, write_rows

SIZE = (24, 36)


def scene(rng: np.random.Generator, classes: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return image_HW and mask_HW with the numbers 0 .. classes."""
    mask_HW = labelled(enumerate(blobs(rng, SIZE, classes), 1), SIZE)
    return picture(rng, mask_HW), mask_HW


def drawn(
    folder: Path, image: str, mask: str, count: int = 8, classes: int = 1, **how: Any
) -> Draft:
    """Draw images and masks by patterns with {n}, and return the draft. `how`: `values` for the
    masks, `test` as the pattern of test images."""
    rng = np.random.default_rng(0)
    values = np.array(how.get("values", (0, 255, 128)), how.get("dtype", np.uint8))
    for n in range(count):
        image_HW, mask_HW = scene(rng, classes)
        write(folder / image.format(n=n), rgb(image_HW))
        write(folder / mask.format(n=n), values[mask_HW])
    for n in range(3 if "test" in how else 0):
        write(folder / how["test"].format(n=n), rgb(scene(rng)[0]))
    return draft_of(str(folder), None)


def patterns(draft: Draft) -> tuple[str, str]:
    assert draft.problems == ()
    format = draft.job.competition.format
    return format.image, format.mask


@pytest.mark.parametrize(
    ("image", "mask", "test", "expected"),
    [
        ("Image_{n}.jpg", "Image_{n}_1stHO.png", "test/Image_{n}.jpg",
         ("{name}.jpg", "{name}_1stHO.png")),
        ("Train/Image_{n}.PNG", "Train/Image_{n}_Segmentation.PNG", "Test/Image_{n}.PNG",
         ("{split}/{name}.png", "{split}/{name}_Segmentation.png")),
        ("img_{n}.png", "mask_{n}.png", "test/img_{n}.png", ("img_{name}.png", "mask_{name}.png")),
        ("a/b/{n}_image.tif", "a/b/{n}_mask.tif", "a/test/{n}_image.tif",
         ("a/b/{name}_image.tif", "a/b/{name}_mask.tif")),
        ("training/ISIC_{n}.jpg", "training_gt/ISIC_{n}_segmentation.png", "testing/ISIC_{n}.jpg",
         ("{split}/{name}.jpg", "{split}_gt/{name}_segmentation.png")),
        ("p{n}/p{n}.tif", "p{n}/p{n}_mask.tif", "test/p{n}.tif",
         ("{name}/{name}.tif", "{name}/{name}_mask.tif")),
        ("p{n}/scan.png", "p{n}/mask.png", "test/p{n}/scan.png",
         ("{name}/scan.png", "{name}/mask.png")),
        ("imagesTr/c_{n}_0000.png", "labelsTr/c_{n}.png", "imagesTs/c_{n}_0000.png",
         ("images{split}/{name}_0000.png", "labels{split}/{name}.png")),
    ],
)  # fmt: skip
def test_where_images_and_masks_are(
    image: str, mask: str, test: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    draft = drawn(tmp_path, image, mask, test=test)
    assert patterns(draft) == expected
    assert draft.report is not None
    assert {name: len(draft.report.ids(name)) for name in ("train", "val", "test")} == {
        "train": 8, "val": 0, "test": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "classes", "expected"),
    [
        ((0, 1), 1, {"name": "classes", "ignore": ()}),
        ((0, 255), 1, {"name": "values", "classes": {0: 0, 255: 1}, "ignore": ()}),
        ((0, 1, 2), 2, {"name": "classes", "ignore": ()}),
        ((0, 85, 170), 2, {"name": "values", "classes": {0: 0, 85: 1, 170: 2}, "ignore": ()}),
        ((0, 3, 7), 2, {"name": "values", "classes": {0: 0, 3: 1, 7: 2}, "ignore": ()}),
        ((0, 1, 2, 255), 3, {"name": "classes", "ignore": (255,)}),
    ],
)
def test_what_gray_values_mean(
    values: tuple[int, ...], classes: int, expected: dict[str, Any], tmp_path: Path
) -> None:
    draft = drawn(tmp_path, "images/{n}.png", "masks/{n}.png", classes=classes, values=values)
    assert draft.problems == ()
    assert draft.job.competition.format.labels.model_dump() == expected


def test_lossy_masks_and_smooth_edges_get_a_threshold(tmp_path: Path) -> None:
    lossy = drawn(tmp_path / "lossy", "images/{n}.jpg", "masks/{n}.jpg")
    assert lossy.job.competition.format.labels.model_dump() == {"name": "threshold", "above": 127}
    drawn(tmp_path / "smooth", "images/{n}.png", "masks/{n}.png")
    for path in (tmp_path / "smooth" / "masks").iterdir():
        mask = Image.open(path).resize((360, 240), Image.Resampling.BILINEAR)
        mask.save(path)
        image = tmp_path / "smooth" / "images" / path.name
        Image.open(image).resize((360, 240)).save(image)
    smooth = draft_of(str(tmp_path / "smooth"), None)
    assert smooth.job.competition.format.labels.model_dump() == {"name": "threshold", "above": 127}
    assert (lossy.problems, smooth.problems) == ((), ())


def test_numbers_of_objects_are_one_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for n in range(4):
        write(tmp_path / "images" / f"{n}.png", picture(rng, np.zeros((60, 60), np.uint8)))
        cells_HW = np.kron(np.arange(1, 37).reshape(6, 6), np.ones((10, 10), int))
        cells_HW[::10] = cells_HW[:, ::10] = 0
        write(tmp_path / "labels" / f"{n}.png", cells_HW.astype(np.uint16))
    draft = draft_of(str(tmp_path), None)
    assert draft.job.competition.format.labels.model_dump() == {"name": "threshold", "above": 0}
    assert draft.job.competition.classes == ("background", "object")


def test_a_file_or_a_folder_for_each_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for n in range(6):
        image_HW, mask_HW = scene(rng, 2)
        for layout in ("files", "folders"):
            write(tmp_path / layout / "images" / f"{n}.png", image_HW)
        for number, name in enumerate(("liver", "spleen"), 1):
            layer_HW = (mask_HW == number).astype(np.uint8) * 255
            write(tmp_path / "files" / "masks" / f"{n}_{name}.png", layer_HW)
            if name == "spleen":
                layer_HW |= (mask_HW == 1).astype(np.uint8) * 255  # they overlap
            write(tmp_path / "folders" / "masks" / name / f"{n}.png", layer_HW)
    files, folders = (draft_of(str(tmp_path / name), None) for name in ("files", "folders"))
    assert patterns(files) == ("images/{name}.png", "masks/{name}_{class}.png")
    assert patterns(folders) == ("images/{name}.png", "masks/{class}/{name}.png")
    for draft, target in ((files, "single_label"), (folders, "multi_label")):
        assert draft.job.competition.classes == ("background", "liver", "spleen")
        assert draft.job.competition.target == target


def test_names_come_from_a_list_of_classes(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(json.dumps({"none": 0, "road": 1, "tree": 2, "sea": 3}))
    draft = drawn(tmp_path, "images/{n}.png", "masks/{n}.png", classes=2, values=(0, 1, 2))
    assert draft.job.competition.classes == ("none", "road", "tree")


def test_stacks_of_numpy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scenes = [scene(rng, 2) for _ in range(9)]
    np.save(tmp_path / "train_images.npy", np.stack([image for image, _ in scenes[:6]]))
    np.save(tmp_path / "train_masks.npy", np.stack([mask for _, mask in scenes[:6]]))
    np.save(tmp_path / "test_images.npy", np.stack([image for image, _ in scenes[6:]]))
    draft = draft_of(str(tmp_path), None)
    format = draft.job.competition.format
    assert (draft.problems, format.name) == ((), "numpy_stacks")
    assert (format.images, format.masks) == ("{split}_images.npy", "{split}_masks.npy")


def test_a_stack_of_masks_may_have_a_channel_for_each_class(tmp_path: Path) -> None:
    scenes = [scene(np.random.default_rng(n), 2) for n in range(8)]
    masks_NHW = np.stack([mask for _, mask in scenes])
    np.save(tmp_path / "images.npy", np.stack([image for image, _ in scenes])[..., None])
    np.save(tmp_path / "masks.npy", np.eye(3, dtype=np.float32)[masks_NHW])
    draft = draft_of(str(tmp_path), None)
    competition = draft.job.competition
    assert (draft.problems, competition.target) == ((), "multi_label")
    assert len(competition.classes) == 4
    assert "one may be the background" in draft.text


@pytest.mark.parametrize("format", ["cvat", "labelme", "supervisely", "yolo"])
def test_files_of_annotation_tools(format: str, tmp_path: Path) -> None:
    WRITERS[format][0](tmp_path / format)
    if format == "yolo":
        (tmp_path / format / "data.yaml").write_text("names: {0: core, 1: ring}\n")
    for split in ("train", "val", "test"):  # the writer's pictures are all the same
        for path in (tmp_path / format).rglob(f"{split}/**/*.png"):
            write(path, picture(np.random.default_rng(len(path.name)), MASK))
    competition = draft_of(str(tmp_path / format), None).job.competition
    assert competition.format.name == format
    assert competition.classes == ("background", "core", "ring")
    assert competition.format.overlaps == "last"
    found = find_samples(competition, tmp_path / format)
    assert found.problems == []
    assert [sample.split for sample in found.samples] == ["train", "train", "val", "test"]
    assert all(sample.mask for sample in found.samples[:3])


@pytest.mark.parametrize(("suffix", "column"), [("", "patient_id"), (".PNG", "lesion_id")])
def test_tables_of_splits_and_groups(suffix: str, column: str, tmp_path: Path) -> None:
    rows = [f"{n}{suffix},{'train' if n < 6 else 'val'},p{n // 3}" for n in range(9)]
    write_rows(tmp_path / "meta.csv", f"image,split,{column}", rows)
    draft = drawn(tmp_path, "images/{n}.png", "masks/{n}.png", count=9)
    competition = draft.job.competition
    assert (competition.splits.name, competition.group.name) == ("table", "table")
    assert draft.report is not None
    assert draft.report.samples["group"].nunique() == 3


def test_two_folders_of_masks_are_no_classes(tmp_path: Path) -> None:
    drawn(tmp_path, "images/{n}.png", "masks/{n}.png", test="test/{n}.png")
    for n in range(8):
        other = np.asarray(Image.open(tmp_path / "masks" / f"{n}.png"))
        write(tmp_path / "manual" / f"{n}.png", np.roll(other, 1, axis=0))
    draft = draft_of(str(tmp_path), None)
    assert draft.job.competition.target == "single_label"
    (asked, _) = draft.questions
    assert [each.line for each in asked.candidates] == [
        'mask: "masks/{name}.png"', 'mask: "manual/{name}.png"',
    ]  # fmt: skip


def test_what_only_a_person_knows_is_asked(tmp_path: Path) -> None:
    draft = drawn(tmp_path, "images/{n}.png", "masks/{n}.png", classes=2, values=(0, 1, 255))
    for n in range(8):
        other = np.asarray(Image.open(tmp_path / "masks" / f"{n}.png"))
        write(tmp_path / "objects" / f"{n}.png", other)
    asked = [question.key for question in draft_of(str(tmp_path), None).questions]
    assert asked == [
        "competition.format.mask", "competition.format.test_image", "competition.format.labels",
    ]  # fmt: skip
    assert "QUESTION: masks have the values 0, 1 and 255" in draft.text


def test_the_sample_names_the_test_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for folder, count in (("test_hq", 5), ("stage2_test", 4), ("stage1_test", 2)):
        for n in range(count):
            write(tmp_path / "data" / folder / f"{folder}_{n}.png", rgb(scene(rng)[0]))
    given = tmp_path / "given.csv"
    write_rows(given, "id,rle", [f"stage1_test_{n},1 1" for n in range(2)])
    write_rows(tmp_path / "data" / "sample_submission.csv", "id,rle",
               [f"stage2_test_{n},1 1" for n in range(4)])  # fmt: skip
    drawn(tmp_path / "data", "train/{n}.png", "train_masks/{n}.png")
    for sample, test in ((None, "stage2_test"), (given, "stage1_test")):
        draft = draft_of(str(tmp_path / "data"), sample)
        assert draft.problems == ()
        assert draft.job.competition.format.test_image == f"{test}/{{name}}.png"


def test_a_sample_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "sample.csv", "id,area,score,rle", ["0,1,2,1 1", "1,1,2,1 1"])
    draft = drawn(tmp_path, "images/{n}.png", "masks/{n}.png", test="test/{n}.png")
    (question,) = draft.questions
    assert "The sample submission cannot be read" in str(question)
    assert "area" in str(question)
