"""What `check` says about the data: one line for equal things, sizes as width x height, a sentence
for the comparison of train with test, and a group for near-duplicates."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.config.competition import CompetitionSpec
from raytrain.data.checks import inspect
from raytrain.data.phantom import draw_patient
from raytrain.data.threads import in_threads
from raytrain.data.working import working
from raytrain.pipeline.data_text import sets_of, summary

PACKAGE = Path(__file__).parents[2] / "raytrain"


def test_pairs_become_sets() -> None:
    pairs = [("a", "b"), ("c", "d"), ("b", "e"), ("d", "a"), ("x", "y")]
    assert [sorted(names) for names in sets_of(pairs)] == [["a", "b", "c", "d", "e"], ["x", "y"]]
    assert sets_of([]) == []


def _views(folder: Path, name: str, views: int, splits: dict[str, range]) -> CompetitionSpec:
    """Objects of which each has several shifted views, named by this pattern."""
    for split, objects in splits.items():
        for part in ("image", "mask"):
            (folder / split / part).mkdir(parents=True)
        for place in objects:
            image_HW, mask_HW = draw_patient(5, place + 1)[0]
            for view in range(views):
                stem = name.format(place=place, word=f"{7919 * (place + 3):x}", view=view)
                for part, plane in (("image", image_HW), ("mask", mask_HW)):
                    moved = np.roll(plane, view, 1)
                    suffix = "_mask" if part == "mask" else ""
                    Image.fromarray(moved).save(folder / split / part / f"{stem}{suffix}.png")
    return CompetitionSpec(data=str(folder), classes=("bg", "rv", "myo", "lv"))


def test_a_group_is_proposed_where_near_duplicates_share_a_prefix(tmp_path: Path) -> None:
    spec = _views(tmp_path, "{word}_{view}", 3, {"train": range(6), "test": range(6, 9)})
    report = inspect(spec)
    (note,) = report.notes[-1:]
    pairs = len(report.near_duplicates)
    assert pairs >= 9
    assert note.startswith(f"{pairs} of {pairs} pairs of nearly equal images are in the same group")
    line = note.rpartition("write under competition: ")[2]
    assert line == "group: '{group}_*'"
    # With this line, there is no proposal, and the groups are the objects.
    grouped = inspect(spec.model_validate(spec.model_dump() | {"group": "{group}_*"}))
    assert grouped.labeled["group"].nunique() == 6
    assert len(grouped.notes) == len(report.notes) - 1
    # Three views are one line.
    first = [line for line in summary(report).splitlines() if "nearly the same image" in line]
    assert len(first) == 9
    assert re.search(r"_0, \w+_1 and \w+_2 are nearly the same image", first[0])


def test_a_group_is_proposed_beside_leaks_and_not_without_a_pattern(tmp_path: Path) -> None:
    spec = _views(tmp_path / "a", "{word}_{view}", 3, {"train": range(6), "test": range(6, 9)})
    fraction = spec.model_dump() | {
        "splits": {"name": "fraction", "val": 0.4},
        "format": {"image": "train/image/{name}.png", "mask": "train/mask/{name}_mask.png"},
    }
    with pytest.raises(ValueError, match="are the same picture") as caught:
        inspect(CompetitionSpec.model_validate(fraction))
    text = str(caught.value)
    assert text.splitlines()[-1].endswith("write under competition: group: '{group}_*'")
    grouped = CompetitionSpec.model_validate(fraction | {"group": "{group}_*"})
    assert inspect(grouped).near_duplicates
    # Names of one word: nothing shows what belongs together.
    spec = _views(tmp_path / "b", "{word}{view}x", 2, {"train": range(6), "test": range(6, 9)})
    report = inspect(spec)
    assert report.near_duplicates
    assert not any("group:" in note for note in report.notes)


def test_auc_is_one_plain_sentence_and_sizes_name_their_order(competition) -> None:
    competition.fill(train=3, val=1, test=3)
    wide = np.arange(8 * 20, dtype=np.uint8).reshape(8, 20)
    competition.add("train", "cmr99", wide, (wide % 3).astype(np.uint8))
    report = inspect(competition.spec("(N+1)//2")).model_copy(update={"shift_auc": 0.644})
    text = summary(report)
    assert "1 of 20x8 px (width x height)" in text
    (line,) = [line for line in text.splitlines() if "AUC" in line]
    assert "picks the test image in 64 % of the cases (AUC 0.64); 50 % means" in line


def test_no_message_writes_the_height_first() -> None:
    wrong = re.compile(r"\{[^{}]*(height|shape\[0\]|_HW\[0\])[^{}]*\} ?[x×] ?\{")
    found = {
        str(path.relative_to(PACKAGE)): match.group()
        for path in PACKAGE.rglob("*.py")
        if (match := wrong.search(path.read_text(encoding="utf-8")))
    }
    assert found == {}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_at_once_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with working("looking for files"):
            assert ("looking for files" in stream.getvalue()) == shown
        in_threads("reading the data", str, [1, 2], lambda item: 1)
        assert ("reading the data" in stream.getvalue()) == shown
        assert bool(stream.getvalue()) == shown
