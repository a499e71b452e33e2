"""Folders in which a wrong choice of the images or the masks looks right."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.job import JobSpec
from raytrain.data.checks import inspect
from raytrain.data.guess.families import families
from raytrain.data.guess.files import as_file
from raytrain.pipeline.draft import Draft, draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write

SIZE = (24, 36)


def draw(root: Path, images: Sequence[str], mask: str = "") -> None:
    """Write an image to each path, and its mask to the path `mask` of its folder and stem."""
    rng = np.random.default_rng([*"".join(images).encode()])
    for path in images:
        mask_HW = labelled(enumerate(blobs(rng, SIZE, 1), 1), SIZE)
        write(root / path, rgb(picture(rng, mask_HW)))
        if mask:
            folder, name = (root / path).parent, Path(path).stem
            write(folder / mask.format(name=name), mask_HW * np.uint8(255))


def asked(draft: Draft) -> list[str]:
    return [question.key.removeprefix("competition.") for question in draft.questions]


@pytest.mark.parametrize("folders", [("benign", "malignant"), ("site_1", "site_2", "pilot")])
def test_folders_beside_each_other_are_one_data_set(
    folders: tuple[str, ...], tmp_path: Path
) -> None:
    for folder in folders:
        draw(tmp_path, [f"{folder}/{folder}-{n}.png" for n in range(3)], "{name}_mask.png")
    draw(tmp_path, ["test/x1.png", "test/x2.png"])
    draft = draft_of(str(tmp_path), None)
    assert (draft.problems, asked(draft)) == ((), ["submission"])
    assert draft.report is not None
    assert len(draft.report.ids("train")) == 3 * len(folders)
    assert len(draft.report.ids("test")) == 2


@pytest.mark.parametrize(
    ("masks", "mask"),
    [
        ("truth", "truth/{name}_segmentation.png"),
        ("truth_part_{part}", "truth_part_*/{name}_segmentation.png"),
    ],
)
def test_images_in_numbered_parts_are_one_data_set(masks: str, mask: str, tmp_path: Path) -> None:
    for n in range(6):
        part = 1 + n // 3
        truth = f"../{masks.format(part=part)}/{{name}}_segmentation.png"
        (tmp_path / masks.format(part=part)).mkdir(exist_ok=True)
        draw(tmp_path, [f"images_part_{part}/ISIC_{n}.png"], truth)
    format = draft_of(str(tmp_path), None).job.competition.format
    assert (format.image, format.mask) == ("images_part_*/{name}.png", mask)


def test_parts_with_equal_names_or_an_alike_folder_stay_apart() -> None:
    equal = ["images_1/a.png", "images_2/a.png"]
    alike = ["images_1/a.png", "images_2/b.png", "images_masks/c.png"]
    for addresses in (equal, alike):
        found = families([as_file(address) for address in addresses])
        assert len(found) == len(addresses)


def test_a_person_chooses_between_folders_with_equal_names(tmp_path: Path) -> None:
    for folder in ("big", "small"):
        draw(tmp_path, [f"{folder}/{n}.png" for n in range(3)], "{name}_mask.png")
    assert "format.image" in asked(draft_of(str(tmp_path), None))


def drawn_like_drive(root: Path) -> Draft:
    """Draw retinas: the truth has another ending than images, and each image has a file that shows
    what the camera sees."""
    seen_HW = np.zeros(SIZE, np.uint8)
    seen_HW[3:21, 5:31] = 255
    for n, split in enumerate(["training"] * 4 + ["test"] * 2, 21):
        truth = "../1st_manual/{number}_manual1.gif".replace("{number}", str(n))
        draw(root, [f"{split}/images/{n}_{split}.tif"], truth if split == "training" else "")
        write(root / split / "mask" / f"{n}_{split}_mask.gif", seen_HW)
    return draft_of(str(root), None)


def test_masks_that_are_the_same_for_all_images_are_no_truth(tmp_path: Path) -> None:
    draft = drawn_like_drive(tmp_path)
    assert (draft.problems, asked(draft)) == ((), ["format.mask", "submission"])
    assert draft.job.competition.format.mask == "training/1st_manual/{name}_manual1.gif"
    assert draft.report is not None
    assert [len(draft.report.ids(split)) for split in ("train", "test")] == [4, 2]


def test_masks_without_an_image_are_said(tmp_path: Path) -> None:
    draw(tmp_path, [f"images/a{n}.png" for n in range(4)], "../masks/{name}.png")
    draw(tmp_path, [f"other/b{n}.png" for n in range(2)], "../ground_truth/0{name}.png")
    text = draft_of(str(tmp_path), None).text
    assert "ground_truth/*.png looks like masks, too" in " ".join(text.replace("#", "").split())


@pytest.mark.parametrize("layout", ["{split}/{n}.png", "{n}.png"])
def test_a_person_says_what_an_image_without_a_mask_means(layout: str, tmp_path: Path) -> None:
    train = [layout.format(split="train", n=n) for n in range(4)]
    draw(
        tmp_path, train, "../train_masks/{name}.png" if "{split}" in layout else "masks/{name}.png"
    )
    draw(tmp_path, [layout.format(split="train", n=n) for n in (4, 5, 6)])
    draw(tmp_path, ["test/7.png"])
    draft = draft_of(str(tmp_path), None)
    assert (draft.problems, asked(draft)) == ((), ["format.unlisted", "submission"])
    assert draft.report is not None
    assert len(draft.report.ids("train")) == 4
    assert sizes_with(draft.job, "empty") == (7, 3)


def sizes_with(job: JobSpec, unlisted: str) -> tuple[int, int]:
    """Return the numbers of training images and of empty masks."""
    format = job.competition.format.model_copy(update={"unlisted": unlisted})
    report = inspect(job.competition.model_copy(update={"format": format}))
    train = report.samples[report.samples["split"] == "train"]
    return len(train), int((train["pixels_1"] == 0).sum())


@pytest.mark.parametrize("mask", ["gt/{split}/{name}_{who}.png", "gt/{split}/{who}/{name}.png"])
def test_masks_of_two_annotators_are_not_two_classes(mask: str, tmp_path: Path) -> None:
    for split in ("train", "val"):
        images = [f"im/{split}/{split}{n}.png" for n in range(3)]
        for who in ("rater1", "rater2"):
            truth = "../../" + mask.replace("{split}", split).replace("{who}", who)
            draw(tmp_path, images, truth)
    question = draft_of(str(tmp_path), None).questions[0]
    assert {each.line for each in question.candidates} == {
        f'mask: "{mask.replace("{who}", who)}"' for who in ("rater1", "rater2")
    }


def test_masks_beside_images_in_a_folder_of_images(tmp_path: Path) -> None:
    draw(tmp_path, [f"images/a{n}.png" for n in range(4)], "{name}_lesion.png")
    draft = draft_of(str(tmp_path), None)
    assert draft.problems == ()
    assert draft.job.competition.format.mask == "images/{name}_lesion.png"
