"""Layouts whose classes are named in a file of the tool that wrote them: nnU-Net and CVAT."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from raytrain.pipeline.draft import Draft, draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write

SIZE = (48, 64)


def split_sizes(draft: Draft) -> list[int]:
    assert draft.report is not None
    return [len(draft.report.ids(split)) for split in ("train", "val", "test")]


def masks(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [labelled(enumerate(blobs(rng, SIZE, 2), 1), SIZE) for _ in range(count)]


@pytest.mark.parametrize(
    ("channels", "labels", "classes", "ignore"),
    [
        (1, {"none": 0, "liver": 1, "tumor": 2}, ("none", "liver", "tumor"), ()),
        (2, {"0": "none", "1": "liver", "2": "tumor"}, ("none", "liver", "tumor"), ()),
        (2, {"none": 0, "liver": 1, "ignore": 2}, ("none", "liver"), (2,)),
    ],
)
def test_nnunet_needs_no_answer_but_that_on_the_csv(
    channels: int, labels: dict[str, Any], classes: tuple[str, ...], ignore: tuple[int, ...],
    tmp_path: Path,
) -> None:  # fmt: skip
    rng = np.random.default_rng(0)
    for n, mask_HW in enumerate(masks(9)):
        split = "Tr" if n < 6 else "Ts"
        for channel in range(channels):
            image = f"case_{n:03d}_{channel:04d}.png"
            write(tmp_path / f"images{split}" / image, picture(rng, mask_HW))
        if split == "Tr":
            write(tmp_path / "labelsTr" / f"case_{n:03d}.png", mask_HW)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels, "numTraining": 6}))
    draft = draft_of(str(tmp_path), None)
    assert draft.problems == ()
    assert [question.key for question in draft.questions] == ["competition.submission"]
    assert draft.job.competition.classes == classes
    assert draft.job.competition.format.labels.ignore == ignore
    assert draft.report is not None
    assert split_sizes(draft) == [6, 0, 3]


@pytest.mark.parametrize(("suffix", "name"), [("png", "values"), ("jpg", "nearest")])
def test_cvat_names_the_colors_of_masks(suffix: str, name: str, tmp_path: Path) -> None:
    rng, colors = np.random.default_rng(0), np.array([(0, 0, 0), (250, 50, 83), (51, 221, 255)])
    for n, mask_HW in enumerate(masks(6)):
        write(tmp_path / "JPEGImages" / f"{n}.jpg", rgb(picture(rng, mask_HW)))
        for folder in ("SegmentationClass", "SegmentationObject"):
            write(tmp_path / folder / f"{n}.{suffix}", colors.astype(np.uint8)[mask_HW])
    rows = "background:0,0,0::\nlesion:250,50,83::\nother:1,2,99::\nvessel:51,221,255::\n"
    (tmp_path / "labelmap.txt").write_text(f"# label:color_rgb:parts:actions\n{rows}")
    draft = draft_of(str(tmp_path), None)
    assert draft.problems == ()
    competition = draft.job.competition
    assert competition.format.mask == f"SegmentationClass/{{name}}.{suffix}"
    assert competition.classes == ("background", "lesion", "vessel")
    assert competition.format.labels.model_dump() == {
        "name": name, "ignore": (),
        "classes": {"#000000": "background", "#fa3253": "lesion", "#33ddff": "vessel"},
    }  # fmt: skip
    assert "competition.format.mask" not in {question.key for question in draft.questions}
