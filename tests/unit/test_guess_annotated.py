"""COCO files that lie beside the images of each split, and what the YAML says about them."""

import json
from pathlib import Path

import numpy as np
import pytest

from raytrain.data.checks import inspect
from raytrain.data.find import find_samples
from raytrain.pipeline.draft import draft_of
from raytrain.pipeline.evaluate import has_test_truth
from tests.layouts.scene import blobs, labelled, picture, rgb, write


def write_coco(
    root: Path, folder: str, listed: int, unlisted: int = 0, squares: int | None = None
) -> None:
    """Draw images into a folder, with a COCO file that lists the first ones: a square in each, or
    in the first `squares`."""
    rng = np.random.default_rng(ord(folder[0]))
    for n in range(listed + unlisted):
        mask_HW = labelled([(255, blobs(rng, (24, 36), 1)[0])], (24, 36))
        write(root / folder / f"{folder}{n}.png", rgb(picture(rng, mask_HW)))
    objects = [
        {"id": n, "image_id": n, "category_id": 1, "segmentation": [[4, 4, 12, 4, 12, 12, 4, 12]]}
        for n in range(listed if squares is None else squares)
    ]
    tree = {
        "images": [
            {"id": n, "file_name": f"{folder}{n}.png", "height": 24, "width": 36}
            for n in range(listed)
        ],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": objects,
    }
    if listed:
        (root / folder / "_annotations.coco.json").write_text(json.dumps(tree))


@pytest.mark.parametrize("tests", [(2, 0), (0, 2)])
def test_the_folder_says_the_split_of_a_coco_file(tests: tuple[int, int], tmp_path: Path) -> None:
    for folder, counts in {"train": (6, 0), "valid": (2, 0), "test": tests}.items():
        write_coco(tmp_path, folder, *counts)
    draft = draft_of(str(tmp_path), None)
    competition = draft.job.competition
    assert (draft.problems, competition.format.image) == ((), "{split}/{name}.png")
    assert competition.format.file == "{split}/_annotations.coco.json"
    found = find_samples(competition, tmp_path)
    splits = [sample.split for sample in found.samples if sample.split != "test"]
    assert (splits.count("train"), splits.count("val")) == (6, 2)
    assert "8 images named in the annotations\n" in draft.text


@pytest.mark.parametrize(
    ("files", "file", "counts"),
    [
        ({"train": 5, "val": 3, "test": 2}, "coco_{split}.json", (5, 3, 2, 0)),
        ({"train": 5, "val": 5}, "coco_{split}.json", (5, 5, 0, 0)),
        ({"train": 5, "test": 5}, "coco_{split}.json", (5, 0, 5, 0)),
        ({"first": 4, "second": 6}, "coco_first.json", (4, 0, 6, 0)),  # asked: no test images
    ],
)
def test_files_divide_the_images_of_one_folder(
    files: dict[str, int], file: str, counts: tuple[int, ...], tmp_path: Path
) -> None:
    write_coco(tmp_path, "images", 10)
    whole = json.loads((beside := tmp_path / "images" / "_annotations.coco.json").read_text())
    beside.unlink()
    first = 0
    for name, count in files.items():
        ids = range(first, first + count)
        own = {
            "images": [each for each in whole["images"] if each["id"] in ids],
            "annotations": [each for each in whole["annotations"] if each["image_id"] in ids],
        }
        (tmp_path / f"coco_{name}.json").write_text(json.dumps(whole | own))
        first += count
    draft = draft_of(str(tmp_path), None)
    assert (draft.problems, draft.job.competition.format.file) == ((), file)
    assert draft.report is not None
    splits = tuple(len(draft.report.ids(split)) for split in ("train", "val", "test"))
    labeled = draft.report.samples[draft.report.samples["split"] != "test"]
    assert (*splits, int((labeled["pixels_1"] == 0).sum())) == counts


def test_the_reasons_count_only_what_the_annotations_name(tmp_path: Path) -> None:
    write_coco(tmp_path, "images", 5, 2)
    text = draft_of(str(tmp_path), None).text
    assert "5 images named in the annotations and 2 others\n" in text
    assert "images without a mask are test images, but every image has one\n" in text


@pytest.mark.parametrize("squares", [0, 1])
def test_test_images_without_an_annotation_have_no_truth(squares: int, tmp_path: Path) -> None:
    for folder, listed in (("train", 6), ("test", 3)):
        write_coco(tmp_path, folder, listed, squares=listed if folder == "train" else squares)
    draft = draft_of(str(tmp_path), None)
    assert draft.problems == ()
    assert draft.report is not None
    truths = draft.report.samples.set_index("split").loc["test", "mask"].ne("").tolist()
    assert truths == [squares > 0] * 3
    assert has_test_truth(draft.report) == has_test_truth(inspect(draft.job.competition))
    text = " ".join(draft.text.replace("#", "").split())
    assert ("3 test images with masks" in text) == (squares > 0)
    assumed = "the annotations of 3 test images show no object, so raytrain assumes that nobody"
    assert (assumed in text) == (squares == 0)
    assert any(assumed in note for note in draft.report.notes) == (squares == 0)


def write_yolo(root: Path, image: str, label: str, line: str) -> None:
    """Write 4 training, 2 val and 2 test images by patterns with {s} and {n}, and a text file for
    each of them but test images and image 1."""
    rng = np.random.default_rng(0)
    for n, split in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2):
        write(root / image.format(s=split, n=n), rgb(picture(rng, np.zeros((20, 30), np.uint8))))
        if split != "test" and n != 1:
            path = root / label.format(s=split, n=n)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(line)


POLYGON = "1 .1 .1 .9 .1 .9 .5\n2 .2 .6 .9 .6 .9 .9 .2 .9"


@pytest.mark.parametrize(
    ("image", "label", "names", "expected"),
    [
        ("images/{s}/x{n}.jpg", "labels/{s}/x{n}.txt", True, ("background", "ring", "core")),
        ("{s}/images/x{n}.jpg", "{s}/labels/x{n}.txt", False, ("background", "class 1", "class 2")),
    ],
)
def test_yolo_files_are_found_with_the_names_of_data_yaml(
    image: str, label: str, names: bool, expected: tuple[str, ...], tmp_path: Path
) -> None:
    write_yolo(tmp_path, image, label, POLYGON)
    if names:
        (tmp_path / "data.yaml").write_text("train: images/train\nnames: [none, ring, core]\n")
    draft = draft_of(str(tmp_path), None)
    assert (draft.problems, draft.job.competition.classes) == ((), expected)
    assert draft.report is not None
    assert [len(draft.report.ids(split)) for split in ("train", "val", "test")] == [4, 2, 2]
    pixels = draft.report.samples[["pixels_1", "pixels_2"]].gt(0).sum().tolist()
    assert pixels == [5, 5]


@pytest.mark.parametrize(
    ("text", "folder", "image"),
    [
        ("path: ../of/somebody\ntrain: images/a\nval: images/b\ntest: images/test\n", "{s}/",
         "images/{split}/{name}.jpg"),
        ("train: /home/me/images/a\nval: ../images/b\n", "{s}/", "images/{split}/{name}.jpg"),
        ("train: one.txt\nval: ./two.txt\n", "", "images/{name}.jpg"),
    ],
)  # fmt: skip
def test_data_yaml_names_the_splits(text: str, folder: str, image: str, tmp_path: Path) -> None:
    write_yolo(tmp_path, f"images/{folder}x{{n}}.jpg", f"labels/{folder}x{{n}}.txt", POLYGON)
    if folder:
        for split, word in (("train", "a"), ("val", "b")):
            for kind in ("images", "labels"):
                (tmp_path / kind / split).rename(tmp_path / kind / word)
    else:
        (tmp_path / "images" / "x6.jpg").rename(tmp_path / "test_6.jpg")
        (tmp_path / "images" / "x7.jpg").rename(tmp_path / "test_7.jpg")
    (tmp_path / "data.yaml").write_text(f"{text}names: [none, ring, core]\n")
    (tmp_path / "one.txt").write_text("".join(f"./images/x{n}.jpg\n" for n in range(4)))
    (tmp_path / "two.txt").write_text("./images/x4.jpg\n./images/x5.jpg\n")
    draft = draft_of(str(tmp_path), None)
    assert (draft.problems, draft.job.competition.format.image) == ((), image)
    assert draft.report is not None
    assert [len(draft.report.ids(split)) for split in ("train", "val", "test")] == [4, 2, 2]


def test_lists_of_names_divide_the_images_of_annotations(tmp_path: Path) -> None:
    write_yolo(tmp_path, "images/x{n}.jpg", "labels/x{n}.txt", POLYGON)
    for split, numbers in (("train", range(4)), ("val", (4, 5)), ("test", (6, 7))):
        (tmp_path / f"{split}.txt").write_text("".join(f"./images/x{n}.jpg\n" for n in numbers))
    report = draft_of(str(tmp_path), None).report
    assert report is not None
    assert [len(report.ids(split)) for split in ("train", "val", "test")] == [4, 2, 2]


def test_boxes_alone_are_no_masks(tmp_path: Path) -> None:
    write_yolo(tmp_path, "images/{s}/x{n}.jpg", "labels/{s}/x{n}.txt", "0 .5 .5 .2 .2\n")
    with pytest.raises(ValueError, match=r"labels/train/\*\.txt holds boxes alone"):
        draft_of(str(tmp_path), None)
