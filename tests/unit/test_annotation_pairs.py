"""Which image an entry of an annotation file belongs to."""

import json
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.annotations import CocoSpec, LabelmeSpec
from tests.format_files import found_in, save

SPEC = CocoSpec(image="{folder}/{name}.png", file="o.json", image_id="{folder}_{name}")
SPLITS = {"name": "ranges", "train": "1-9"}


def _coco(root: Path, images: list[dict[str, Any]], more: Any = None) -> list[str]:
    for folder in ("x", "y"):
        save(root / folder / "1.png")
    tree = {"images": images, "categories": [{"id": 1, "name": "ring"}], "annotations": []}
    (root / "o.json").write_text(json.dumps(tree | (more or {})))
    return found_in(root, SPEC, SPLITS).problems


def test_folders_tell_images_of_one_name_apart(tmp_path: Path) -> None:
    names = ["data/y/1.png", "x\\1.PNG"]
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    said = "may be x/1.png or y/1.png; write its path with the folders"
    assert _coco(tmp_path, images)[0].endswith(said)
    images[0]["file_name"] = "y/1.png"
    assert _coco(tmp_path, images) == []
    samples = found_in(tmp_path, SPEC, SPLITS).samples
    assert {sample.id: sample.mask for sample in samples} == {
        "x_1": ("o.json#1",), "y_1": ("o.json#0",)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("images", "more", "words"),
    [
        ([(0, "x/1.png"), (0, "y/1.png")], {}, "2 images have the id 0; give each its own"),
        ([(0, "x/1.png"), (1, "y/1.png"), (2, "x/1.png")], {}, "'x/1.png' is listed twice; keep"),
        ([(0, "x/1.png"), (1, "y/1.png"), (2, "z.png")], {}, "'z.png' is not in the folder; corre"),
        ([(0, None)], {}, "images[0] has no id or no file_name; add them"),
        ([], {"annotations": [{"id": 3, "image_id": 9, "category_id": 1}]}, "object 3: the file "
         "lists no image with its image_id 9"),
        ([(0, "x/1.png")], {"annotations": [{"id": 3, "image_id": 0, "category_id": 4}]},
         "object 3: the file lists no category with its category_id 4"),
        ([], {"annotations": 7}, "annotations is no list of objects; correct it"),
        ([], {"images": 7}, "not a COCO file: it has no list of images"),
    ],
)  # fmt: skip
def test_wrong_entries_are_named(images: list, more: dict, words: str, tmp_path: Path) -> None:
    entries = [{"id": id, "file_name": name} for id, name in images]
    problems = _coco(tmp_path, entries, more)
    assert any(line.startswith(f"{tmp_path}/o.json") and words in line for line in problems)


def test_an_image_belongs_to_the_split_whose_file_lists_it(tmp_path: Path) -> None:
    spec = CocoSpec(image="{name}.png", file="{split}.json", unlisted="unlabelled")
    tree: dict[str, Any] = {"categories": [{"id": 1, "name": "ring"}], "annotations": []}
    for n in range(4):
        save(tmp_path / f"{n}.png")
    for split, numbers in {"train": [0], "val": [1], "test": [2]}.items():
        images = [{"id": n, "file_name": f"{n}.png"} for n in numbers]
        (tmp_path / f"{split}.json").write_text(json.dumps(tree | {"images": images}))
    found = found_in(tmp_path, spec, {"name": "folders"})
    assert found.problems == []
    assert {sample.id: sample.split for sample in found.samples} == {
        "0": "train", "1": "val", "2": "test"
    }  # fmt: skip
    (tmp_path / "val.json").write_text((tmp_path / "train.json").read_text())
    problems = found_in(tmp_path, spec, {"name": "folders"}).problems
    said = "val.json: image '0.png' is in the file of another split, too; keep one entry"
    assert [line for line in problems if line.endswith(said)]


def test_an_annotation_without_an_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a1.png")
    for name in ("a1", "a2"):
        (tmp_path / f"{name}.json").write_text('{"shapes": []}')
    spec = LabelmeSpec(image="{name}.png", file="{name}.json")
    assert found_in(tmp_path, spec, SPLITS).problems == [
        f"{tmp_path}/a2.json: there is no image for these annotations; add it, or remove the file"
    ]
    (tmp_path / "o.json").unlink(missing_ok=True)
    missing = CocoSpec(image="{name}.png", file="o.json")
    assert (
        found_in(tmp_path, missing, SPLITS).problems[0]
        == f"{tmp_path}/o.json: no such file; correct competition.format.file"
    )
