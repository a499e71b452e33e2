"""Masks whose colors are not exact: JPEG files, and masks that were enlarged."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.data.guess.families import Family, Member
from raytrain.data.guess.looks import looks_of
from raytrain.data.guess.lossy import colors_meant
from raytrain.pipeline.draft import draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write


@pytest.mark.parametrize(
    ("values", "labels", "classes"),
    [
        ((0, 255, 128), {0: 0, 128: 1, 255: 2}, ("background", "class 1", "class 2")),
        (((0, 0, 0), (255, 0, 0), (250, 250, 0)), {"#000000": "none", "#ff0000": "red"},
         ("none", "red")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_colors_near_a_few_are_classes_of_the_nearest(
    values: tuple, labels: dict, classes: tuple[str, ...], suffix: str, tmp_path: Path
) -> None:
    rng, colors = np.random.default_rng(0), np.array(values, np.uint8)
    (tmp_path / "class_dict.csv").write_text(
        "name,r,g,b\nnone,0,0,0\nred,255,0,0\nvoid,250,250,0\n"
    )
    for n in range(6):
        mask_HW = labelled(enumerate(blobs(rng, (64, 96), 2), 1), (64, 96))
        mask, image_HW = Image.fromarray(colors[mask_HW]), picture(rng, mask_HW)
        if suffix == "png":  # enlarged, so that colors mix at borders
            mask = mask.resize((192, 128), Image.Resampling.BICUBIC)
            image_HW = image_HW.repeat(2, 0).repeat(2, 1)
        write(tmp_path / "images" / f"{n}.png", rgb(image_HW))
        write(tmp_path / "masks" / f"{n}.{suffix}", mask)
    draft = draft_of(str(tmp_path), None)
    assert draft.problems == ()
    given = draft.job.competition.format.labels.model_dump()
    ignore = ("#fafa00",) if colors.ndim == 2 else ()
    assert given == {"name": "nearest", "classes": labels, "ignore": ignore}
    assert draft.job.competition.classes == classes


def test_a_large_mask_is_looked_at_in_bands(tmp_path: Path) -> None:
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 128, 0)], np.uint8)
    numbers_HW = np.arange(2400)[:, None] // 500 % 3 + np.zeros((1, 1500), int)
    Image.fromarray(colors[numbers_HW]).save(tmp_path / "m.jpg", quality=60)
    family = Family((), "", "", ".jpg", (Member("m.jpg", (), "m"),))
    found = looks_of(tmp_path, family)
    assert found is not None
    assert found.nearly


def test_pictures_have_no_few_colors() -> None:
    every = np.random.default_rng(0).integers(0, 2**24, 5000).tolist()
    assert colors_meant(dict.fromkeys(every, 1), dict.fromkeys(every, 1)) is None
