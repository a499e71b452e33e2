"""COCO files that lie beside the images of each split, and what the YAML says about them."""

import json
from pathlib import Path

import numpy as np
import pytest

from raytrain.data.find import find_samples
from raytrain.pipeline.draft import draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write


def write_coco(root: Path, folder: str, listed: int, unlisted: int = 0) -> None:
    """Draw images into a folder, with a COCO file that lists the first ones: a square in each."""
    rng = np.random.default_rng(ord(folder[0]))
    for n in range(listed + unlisted):
        mask_HW = labelled([(255, blobs(rng, (24, 36), 1)[0])], (24, 36))
        write(root / folder / f"{folder}{n}.png", rgb(picture(rng, mask_HW)))
    objects = [
        {"id": n, "image_id": n, "category_id": 1, "segmentation": [[4, 4, 12, 4, 12, 12, 4, 12]]}
        for n in range(listed)
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


def test_the_reasons_count_only_what_the_annotations_name(tmp_path: Path) -> None:
    write_coco(tmp_path, "images", 5, 2)
    text = draft_of(str(tmp_path), None).text
    assert "5 images named in the annotations and 2 others\n" in text
    assert "images without a mask are test images, but every image has one\n" in text
