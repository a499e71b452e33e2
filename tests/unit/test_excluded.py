"""`competition.exclude`: listed images neither train nor validate, and all else stays as it is."""

import shutil
from pathlib import Path

import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec
from raytrain.data.checks import inspect
from raytrain.data.folds import make_folds
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.stamp import stamp


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    write_phantom(folder / "data", folder / "truth", PhantomSplit(train=6, val=2, test=1), 0)
    return folder


def _spec(folder: Path, exclude: Path | None, **fields: object) -> CompetitionSpec:
    return CompetitionSpec.model_validate({
        "data": str(folder / "data"), "classes": ["bg", "rv", "myo", "lv"], "group": "(N+1)//2",
        "exclude": None if exclude is None else str(exclude), **fields,
    })  # fmt: skip


def test_listed_images_are_left_out_and_counted(drawn: Path, tmp_path: Path) -> None:
    listed = tmp_path / "suspects.txt"
    listed.write_text("\ufeffph3\n\n  ph14 \nph3\n", encoding="utf-8")
    whole, report = inspect(_spec(drawn, None)), inspect(_spec(drawn, listed))
    assert {*whole.ids("train", "val")} - {*report.ids("train", "val")} == {"ph3", "ph14"}
    assert report.ids("test") == whole.ids("test")
    assert report.splits["train"].images == 11
    assert report.splits["val"].images == 3
    assert report.fingerprint != whole.fingerprint
    folds = make_folds(report, FoldSpec(count=2))
    assert {id for ids in folds.val_ids for id in ids} == {*report.ids("train", "val")}
    # Their files are not counted as files that belong to nothing.
    assert report.notes == (
        "labeled images that competition.exclude leaves out of training and validation: "
        "1 of train and 1 of val (ph3, ph14)",
        *whole.notes,
    )


def test_an_excluded_image_still_serves_its_neighbors(drawn: Path, tmp_path: Path) -> None:
    listed = tmp_path / "suspects.txt"
    listed.write_text("ph1\n")
    report = inspect(_spec(drawn, listed, neighbours=["N-1", "N"]))
    images = report.samples.set_index("id")["image"]
    assert "ph1.png" in images["ph2"]


def test_every_wrong_line_is_named(drawn: Path, tmp_path: Path) -> None:
    listed = tmp_path / "suspects.txt"
    listed.write_text("ph33\n\nph17\n")
    with pytest.raises(ValueError, match="2 problems") as caught:
        inspect(_spec(drawn, listed))
    text = str(caught.value)
    assert f"{listed}: line 1: no image has the id 'ph33'; did you mean 'ph3'?" in text
    assert f"{listed}: line 3: 'ph17' is a test image" in text
    with pytest.raises(ValueError, match="no such file") as caught:
        inspect(_spec(drawn, tmp_path / "none.txt"))
    assert str(tmp_path / "none.txt") in str(caught.value)


def test_an_empty_list_leaves_nothing_out_and_says_so(drawn: Path, tmp_path: Path) -> None:
    listed = tmp_path / "suspects.txt"
    listed.write_text("\n")
    report = inspect(_spec(drawn, listed))
    assert report.fingerprint == inspect(_spec(drawn, None)).fingerprint
    assert "names no image" in report.notes[0]


def test_another_list_is_other_data(drawn: Path, tmp_path: Path) -> None:
    listed = tmp_path / "suspects.txt"
    shutil.copytree(drawn / "data", tmp_path / "data")
    spec = _spec(tmp_path, listed)
    stamps = [stamp(spec)]
    for text in ("ph1\n", "ph2\n"):
        listed.write_text(text)
        stamps.append(stamp(spec))
    assert len({*stamps}) == 3
