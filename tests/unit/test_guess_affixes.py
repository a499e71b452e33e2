"""Names of images and masks with different endings or beginnings that are no usual words."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.pipeline.draft import draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write


@pytest.mark.parametrize(
    ("image", "masks", "test", "expected"),
    [
        ("train/{n}_sat.png", ["train/{n}_mask.png"], "test/{n}_sat.png",
         ("{split}/{name}_sat.png", "{split}/{name}_mask.png")),
        ("training/images/{n}_training.png", ["training/manual/{n}_manual1.png"],
         "test/images/{n}_test.png",
         ("{split}/images/{name}_{split}.png", "{split}/manual/{name}_manual1.png")),
        ("a/c_{n}_rgb.png", ["b/c_{n}_label.png"], "a/c_{n}_rgb.png",
         ("a/{name}_rgb.png", "b/{name}_label.png")),
        ("a/sat_c_{n}.png", ["b/mask_c_{n}.png"], "a/sat_d_{n}.png",
         ("a/sat_{name}.png", "b/mask_{name}.png")),
        ("a/x_c_{n}.png", ["b/y_c_{n}.png"], "a/x_c_{n}.png",
         ("a/x_{name}.png", "b/y_{name}.png")),
        ("left/train/c_{n}_9_left8bit.png",
         ["gtFine/train/c_{n}_9_gtFine_labelIds.png", "gtFine/train/c_{n}_9_gtFine_color.png"],
         "left/test/c_{n}_9_left8bit.png",
         ("left/{split}/{name}_left8bit.png", "gtFine/{split}/{name}_gtFine_labelIds.png")),
    ],
)  # fmt: skip
def test_endings_and_beginnings_that_all_files_share(
    image: str, masks: list[str], test: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for n in range(9):
        mask_HW = labelled([(255, blobs(rng, (24, 36), 1)[0])], (24, 36))
        write(tmp_path / (image if n < 6 else test).format(n=n), rgb(picture(rng, mask_HW)))
        for mask in masks if n < 6 else ():
            write(tmp_path / mask.format(n=n), mask_HW)
    draft = draft_of(str(tmp_path), None)
    format = draft.job.competition.format
    assert (format.image, format.mask, draft.problems) == (*expected, ())
    assert draft.report is not None
    assert (len(draft.report.labeled), len(draft.report.ids("test"))) == (6, 3)
