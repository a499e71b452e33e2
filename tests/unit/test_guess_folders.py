"""Folders of videos, cities and patients: which names of folders `init` takes for one of many."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from raytrain.config.codes import CodedError
from raytrain.pipeline.draft import Draft, draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write

SIZE = (24, 36)


def drawn(root: Path, image: str, mask: str, labeled: Iterable[str], tests: Iterable[str]) -> Draft:
    """Draw three images by a pattern with {at} and {n} at each of these places, the masks at the
    `labeled` ones only, and return the draft."""
    rng = np.random.default_rng(0)
    labeled = [*labeled]
    for at in (*labeled, *tests):
        for n in range(3):
            mask_HW = labelled([(255, blobs(rng, SIZE, 1)[0])], SIZE)
            write(root / image.format(at=at, n=n), rgb(picture(rng, mask_HW)))
            if at in labeled:
                write(root / mask.format(at=at, n=n), mask_HW)
    return draft_of(str(root), None)


@pytest.mark.parametrize(
    ("paths", "labeled", "tests", "expected"),
    [
        # fewer videos than MOST_WORDS
        (("JPEG/480p/{at}/0{n}.png", "Masks/480p/{at}/0{n}.png"), ("bear", "dance", "zebra"),
         ("flamingo",), ("JPEG/480p/{case}/{name}.png", "Masks/480p/{case}/{name}.png")),
        # more of them, and test videos with other names
        (("JPEG/{at}/0{n}.png", "Masks/{at}/0{n}.png"), [f"v{c}" for c in "abcdefghi"],
         ("vx", "vy", "vz"), ("JPEG/{case}/{name}.png", "Masks/{case}/{name}.png")),
        # cities in folders of splits
        (("left/{at}_{n}.png", "gtFine/{at}_{n}.png"),
         ("train/ulm/ulm", "train/rome/rome", "val/bonn/bonn"), ("test/bern/bern",),
         ("left/{split}/*/{name}.png", "gtFine/{split}/*/{name}.png")),
        # scans with a number and a word in the name
        (("{at}/images/0{n}.png", "{at}/labels/0{n}.png"),
         ("train/kidney_1_dense", "train/kidney_2", "train/kidney_3_sparse"),
         ("test/kidney_5", "test/kidney_6"),
         ("{split}/{case}/images/{name}.png", "{split}/{case}/labels/{name}.png")),
        # a test video whose name says so
        (("{at}/frame{n}.png", "{at}/frame{n}_gt.png"), ("seq_1", "seq_2", "seq_3"),
         ("test_seq_4",), ("{case}/{name}.png", "{case}/{name}_gt.png")),
    ],
)  # fmt: skip
def test_videos_and_cities_are_no_classes(
    paths: tuple[str, str], labeled: tuple[str, ...], tests: tuple[str, ...],
    expected: tuple[str, str], tmp_path: Path,
) -> None:  # fmt: skip
    draft = drawn(tmp_path, *paths, labeled, tests)
    format = draft.job.competition.format
    assert (format.image, format.mask, draft.problems) == (*expected, ())
    assert draft.job.competition.classes == ("background", "object")
    assert draft.report is not None
    assert len(draft.report.labeled) == 3 * len(labeled)
    assert len(draft.report.ids("test")) == 3 * len(tests)
    assert [question.key for question in draft.questions] == ["competition.submission"]


def test_cities_with_one_image_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for place in ("train/ulm", "train/rome", "train/oslo", "val/bonn", "val/kiel"):
        mask_HW = labelled([(1, blobs(rng, SIZE, 1)[0])], SIZE)
        city = place.partition("/")[2]
        write(tmp_path / "left8bit" / place / f"{city}_7_left8bit.png", rgb(picture(rng, mask_HW)))
        for kind, factor in (("color", 255), ("labelIds", 1)):
            write(tmp_path / "gtFine" / place / f"{city}_7_gtFine_{kind}.png", mask_HW * factor)
    draft = draft_of(str(tmp_path), None)
    assert draft.problems == ()
    assert [each.line for each in draft.questions[0].candidates] == [
        f'mask: "gtFine/{{split}}/*/{{name}}_gtFine_{kind}.png"' for kind in ("labelIds", "color")
    ]
    assert draft.report is not None
    assert [len(draft.report.ids(split)) for split in ("train", "val")] == [3, 2]


def test_a_yaml_that_is_not_valid_is_refused_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raytrain.data.guess.pairs.Paired.image_pattern", "{name}/{place}/{x.png")
    with pytest.raises(CodedError, match="cannot write a valid YAML") as caught:
        drawn(tmp_path, "images/{at}{n}.png", "masks/{at}{n}.png", ("a", "b"), ())
    assert not isinstance(caught.value, ValidationError)
    assert "competition.format.image: " in str(caught.value)
    assert "pydantic" not in str(caught.value)
