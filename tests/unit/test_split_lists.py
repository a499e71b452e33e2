"""Splits from text files with one name a line."""

from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.splits import ListSplitsSpec
from raytrain.data.find import FoundSamples, find_samples
from tests.format_files import CLASSES, save

SPEC = ListSplitsSpec(train="l/train.txt", val="l/val.txt", test="l/test.txt")


def _found(root: Path, **lists: str) -> FoundSamples:
    for number in range(1, 6):
        save(root / f"im/a{number}.png")
        save(root / f"gt/a{number}.png")
    (root / "l").mkdir(exist_ok=True)
    for split, text in lists.items():
        (root / f"l/{split}.txt").write_text(text)
    format = PairedFoldersSpec(image="im/{name}.png", mask="gt/{name}.png")
    competition = CompetitionSpec(
        name="c", data=str(root), format=format, splits=SPEC, classes=CLASSES
    )
    return find_samples(competition, root)


def test_names_file_names_and_paths_are_lines(tmp_path: Path) -> None:
    found = _found(tmp_path, train="a2\n\n a1.png \r\n", val="im/a3.png", test="a4")
    assert found.problems == []
    splits = [(sample.split, sample.id) for sample in found.samples]
    assert splits == [("train", "a1"), ("train", "a2"), ("val", "a3"), ("test", "a4")]
    assert found.notes == (
        "images in no list of competition.splits, which are not used: 1, such as 'a5'",
    )


def test_wrong_lines_are_named(tmp_path: Path) -> None:
    found = _found(tmp_path, train="a1\na22\na3", val="a4\na3")
    problems = [problem.removeprefix(f"{tmp_path}/l/") for problem in found.problems]
    assert problems == [
        "train.txt: line 2: no image is called 'a22'; did you mean 'a2'? (competition.splits)",
        f"val.txt: line 2: 'a3' is also in train ({tmp_path}/l/train.txt: line 3); keep one "
        "(competition.splits)",
        "test.txt: no such file; correct the path (competition.splits)",
    ]
    (tmp_path / "l/test.txt").write_text("\n")
    assert _found(tmp_path, train="a1", val="a2").problems == [
        f"{tmp_path}/l/test.txt: names no image; write one a line (competition.splits)"
    ]
