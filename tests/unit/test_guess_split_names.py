"""`init` divides the images by a word of a split inside their names."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.splits import FolderSplitsSpec
from raytrain.pipeline.draft import Draft, draft_of
from tests.layouts.scene import blobs, labelled, picture, write, write_rows


def drafted(root: Path, file: str, words: dict[str, int]) -> Draft:
    """The draft for this number of images of each word, named by `file`; each has a mask."""
    rng = np.random.default_rng(1)
    for word, count in words.items():
        for number in range(count):
            mask_HW = labelled([(255, blobs(rng, (32, 40), 1)[0])], (32, 40))
            name = file.format(word, number, number % 2)
            write(root / f"images/{name}.png", picture(rng, mask_HW))
            write(root / f"masks/{name}.png", mask_HW)
    return draft_of(str(root), None)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("{1}_{0}_{2}_", "{first}_{split}_{last}_"),
        ("{0}-{1:03d}", "{split}-{name}"),
        ("scan{1}_{0}", "{name}_{split}"),
        ("scan_{0}_{1}", "scan_{split}_{name}"),
    ],
)
def test_a_word_inside_the_names_divides_the_images(
    tmp_path: Path, file: str, pattern: str
) -> None:
    rows = [f"{file.format('test', number, number % 2)},1 1" for number in range(3)]
    write_rows(tmp_path / "sample_submission.csv", "id,encoding", rows)
    draft = drafted(tmp_path, file, {"train": 6, "test": 3})
    format = draft.job.competition.format
    assert isinstance(format, PairedFoldersSpec)
    assert (format.image, format.mask) == (f"images/{pattern}.png", f"masks/{pattern}.png")
    assert draft.report is not None
    found = [*zip(draft.report.samples["id"], draft.report.samples["split"], strict=True)]
    assert sorted(found) == sorted(
        (file.format(split, number, number % 2), split)
        for split, count in (("train", 6), ("test", 3))
        for number in range(count)
    )
    assert draft.problems == ()


def test_the_words_of_all_splits_are_taken_from_the_names(tmp_path: Path) -> None:
    draft = drafted(tmp_path, "{1}_{0}", {"training": 4, "val": 3, "test": 3})
    splits = draft.job.competition.splits
    assert splits == FolderSplitsSpec(train="training", val="val", test="test")


@pytest.mark.parametrize("words", [{"train": 4, "left": 3}, {"train": 4, "val": 3}])
def test_other_words_do_not_divide_the_images(tmp_path: Path, words: dict[str, int]) -> None:
    format = drafted(tmp_path, "{1}_{0}", words).job.competition.format
    assert isinstance(format, PairedFoldersSpec)
    assert format.image == "images/{name}.png"


def test_images_of_a_pattern_of_their_own_have_no_word_of_a_split() -> None:
    name = "{name}_{split}"
    with pytest.raises(ValueError, match=r"image_id: remove \{split\}"):
        PairedFoldersSpec(
            image=f"{name}.png", mask=f"{name}_mask.png", image_id=name, test_image="{name}.png"
        )
