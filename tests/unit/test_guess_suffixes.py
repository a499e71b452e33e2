"""Images of one folder with several suffixes: `init` reads all of them by `.*`."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.pipeline.draft import draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write


@pytest.mark.parametrize(
    ("image", "mask", "expected"),
    [
        ("{split}/images/{n}.{mixed}", "{split}/masks/{n}.png",
         ("{split}/images/{name}.*", "{split}/masks/{name}.png")),
        ("{split}/{n}.{mixed}", "{split}/{n}_mask.png",
         ("{split}/{name}.*", "{split}/{name}_mask.png")),
        # each split has one suffix of its own
        ("{split}/images/{n}.{own}", "{split}/masks/{n}.png",
         ("{split}/images/{name}.*", "{split}/masks/{name}.png")),
        # images and masks beside each other
        ("{split}/{n}.jpg", "{split}/{n}.png", ("{split}/{name}.jpg", "{split}/{name}.png")),
        ("{split}/{n}.jpg", "{split}/{n}_dog.png",
         ("{split}/{name}.jpg", "{split}/{name}_dog.png")),
    ],
)  # fmt: skip
def test_images_with_several_suffixes_are_read_together(
    image: str, mask: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    own = {"train": "jpg", "val": "png", "test": "tif"}
    for n in range(10):
        split = "train" if n < 6 else "val" if n < 8 else "test"
        words = {"split": split, "n": n, "mixed": ("jpg", "png")[n % 2], "own": own[split]}
        mask_HW = labelled([(255, blobs(rng, (24, 36), 1)[0])], (24, 36))
        write(tmp_path / image.format(**words), rgb(picture(rng, mask_HW)))
        if split != "test":
            write(tmp_path / mask.format(**words), mask_HW)
    draft = draft_of(str(tmp_path), None)
    format = draft.job.competition.format
    assert (format.image, format.mask, draft.problems) == (*expected, ())
    assert draft.report is not None
    assert (len(draft.report.labeled), len(draft.report.ids("test"))) == (8, 2)


@pytest.mark.parametrize("ending", [".txt", "_small.png"])
def test_files_that_are_no_images_of_their_own_prevent_the_open_suffix(
    ending: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for n in range(20):
        mask_HW = labelled([(255, blobs(rng, (24, 36), 1)[0])], (24, 36))
        image = tmp_path / "images" / f"{n}.{'png' if n == 7 else 'jpg'}"
        write(image, rgb(picture(rng, mask_HW)))
        beside = image.with_name(f"{n}{ending}")
        if ending == ".txt":
            beside.write_text("a note")
        else:
            write(beside, rgb(picture(rng, mask_HW)))
        write(tmp_path / "masks" / f"{n}.png", mask_HW)
    assert draft_of(str(tmp_path), None).job.competition.format.image == "images/{name}.jpg"
