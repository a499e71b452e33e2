"""No file and no row is lost in silence: it is read, counted as left over, or refused."""

import shutil
from pathlib import Path

import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.splits import TableGroupSpec
from raytrain.data.checks import inspect
from raytrain.data.find import find_samples
from raytrain.data.index import SPLITS
from raytrain.data.source import local_folder
from raytrain.pipeline.data_text import summary
from tests.format_files import CLASSES, WRITERS, found_in, spec_of

GROUP = "(N+1)//2"


@pytest.mark.parametrize("name", WRITERS)
def test_a_suffix_fits_in_any_case(name: str, tmp_path: Path) -> None:
    ids = WRITERS[name][0](tmp_path)
    for path in sorted(tmp_path.rglob("*")):
        if path.suffix in (".png", ".npy"):
            path.rename(path.with_suffix(path.suffix.upper()))
    index = found_in(tmp_path, spec_of(name))
    assert index.problems == []
    assert sorted(sample.id for sample in index.samples) == sorted(ids)
    competition = CompetitionSpec(
        name="c", data=str(tmp_path), format=spec_of(name), classes=CLASSES,
        accept_leaks="they are drawn alike",
    )  # fmt: skip
    assert inspect(competition).notes == ()


@pytest.mark.parametrize("name", WRITERS)
def test_two_files_that_read_the_same_are_refused(name: str, tmp_path: Path) -> None:
    WRITERS[name][0](tmp_path)
    for path in sorted(tmp_path.rglob("*")):
        if path.suffix in (".png", ".npy"):
            shutil.copy(path, path.with_suffix(path.suffix.title()))
    problems = found_in(tmp_path, spec_of(name)).problems
    for split in SPLITS:
        assert any(
            f"/{split}" in line and "its name is the same as that of" in line for line in problems
        )


def test_what_belongs_to_nothing_is_counted_and_shown(competition) -> None:
    competition.fill(train=2, val=1, test=1)
    root = competition.root
    report = inspect(competition.spec(GROUP))
    assert report.notes == ()
    for address in (
        "train/image/cmr1.tif", "train/image/deep/cmr2.TIF", "old/cmr9.png", "more.ZIP", "README",
        "train/image/._cmr1.png", "train/mask/._cmr1_mask.png", ".DS_Store",
    ):  # fmt: skip
        path = root / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (root / "again").symlink_to(root / "train")
    table = "id,group\n" + "".join(f"cmr{n},{(n + 1) // 2}\n" for n in (*range(1, 9), 77, 78))
    (root / "g.csv").write_text(table)
    spec = competition.spec(GROUP).model_copy(update={"group": TableGroupSpec(file="g.csv")})
    found = inspect(spec)
    assert found.fingerprint == report.fingerprint
    whose = "that the job does not use, such as"
    assert found.notes == (
        f"1 .png file {whose} old/cmr9.png",
        f"2 .tif files {whose} train/image/cmr1.tif",
        f"1 .zip file {whose} more.ZIP",
        f"2 files without a suffix {whose} .DS_Store",
        f"2 side files of macOS (._*) {whose} train/image/._cmr1.png",
        "g.csv: 2 ids without an image, such as 'cmr77'",
    )
    for line in found.notes:
        assert f"  {line}" in summary(found)


def test_an_archive_is_one_in_any_case(competition, tmp_path: Path) -> None:
    competition.fill(train=1, val=1, test=1)
    shutil.make_archive(str(tmp_path / "data"), "zip", competition.root)
    archive = tmp_path / "data.zip"
    folder = local_folder(str(archive.rename(tmp_path / "data.ZIP")))
    spec = competition.spec(GROUP)
    assert len(find_samples(spec, folder).samples) == 6
