"""A team-mate's maps: every format comes in as it is meant, and nothing that is wrong comes in."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from raytrain.ensemble.teammates import change
from raytrain.runs.joined import joined_dir, read_joined
from tests.given_maps import (
    Write,
    nnunet,
    npy,
    npy_foreground,
    plain_npz,
    png_by_number,
    png_foreground,
    write_png,
)
from tests.unit.conftest import Competition
from tests.unit.joining_place import SPLITS, Place, open_place, write_mask


@pytest.fixture
def place(competition: Competition) -> Place:
    """Three classes, four patients of two labeled images, two test images."""
    competition.fill(train=3, val=1, test=1)
    return open_place(competition, "single_label", ("background", "ring", "core"))


@pytest.fixture
def one_class(competition: Competition) -> Place:
    """The same with one foreground class."""
    for number in range(1, 7):
        mask = None if number > 4 else np.eye(10, 12, number, dtype=np.uint8)
        split = SPLITS[number]
        competition.add(split, f"cmr{number}", np.full((10, 12), number, np.uint8), mask)
    return open_place(competition, "single_label", ("background", "core"))


def png_by_name(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
    for name, prob_HW in zip(("background", "ring", "core"), prob_KHW, strict=True):
        write_png(folder / f"{id}_{name}.png", prob_HW)


@pytest.mark.parametrize("write", [nnunet, plain_npz, npy, png_by_number, png_by_name])
def test_every_format_comes_in_as_it_was_meant(place: Place, write: Write) -> None:
    maps = place.write(write)
    assert place.add() == ["anna: added 8 out-of-fold maps and 2 test maps"]
    stored = place.stored()
    assert stored.keys() == maps.keys()
    for id, prob_KHW in maps.items():
        assert stored[id].shape == (3, 10, 12)
        np.testing.assert_allclose(stored[id], prob_KHW, atol=6e-4)


@pytest.mark.parametrize("write", [npy, npy_foreground, png_foreground, png_by_number, nnunet])
def test_one_foreground_class_may_stand_alone(one_class: Place, write: Write) -> None:
    maps = one_class.write(write)
    one_class.add()
    for id, prob_KHW in maps.items():
        np.testing.assert_allclose(one_class.stored()[id], prob_KHW, atol=6e-4)


def test_overlapping_classes_need_not_sum_to_one(competition: Competition) -> None:
    for number in range(1, 7):
        split = SPLITS[number]
        image = np.full((10, 12), number, np.uint8)
        competition.add(split, f"cmr{number}", image, None)
        for name in ("ring", "core") if number < 5 else ():
            path = competition.root / split / "mask" / f"cmr{number}_{name}.png"
            path.parent.mkdir(exist_ok=True)
            write_mask(path, np.eye(10, 12, number, dtype=np.uint8) * 255)
    place = open_place(competition, "multi_label", ("background", "ring", "core"))

    def png(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
        for name, prob_HW in zip(("ring", "core"), prob_KHW, strict=True):
            write_png(folder / f"{id}_{name}.png", prob_HW)

    for name, write in (("anna", png), ("ben", nnunet)):
        maps = place.write(write, name, name)
        place.add(name, remove=() if name == "anna" else ("anna",))
        for id, prob_KHW in maps.items():
            np.testing.assert_allclose(place.stored(name)[id], prob_KHW, atol=6e-4)


def test_the_record_names_every_source_by_its_hash(place: Place) -> None:
    place.write(npy)
    place.add()
    record = read_joined(place.run)["anna"]
    files = [path for path in (place.folder / "given").rglob("*") if path.is_file()]
    assert record.sources == {
        path.relative_to(place.folder / "given").as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
    }
    assert (record.folds, record.data) == (place.folds.hash, place.samples.report.fingerprint)
    assert record.source == str(place.folder / "given")


def test_the_same_again_changes_nothing_and_others_are_refused(place: Place) -> None:
    place.write(npy)
    place.add()
    before = {path: path.stat().st_mtime_ns for path in place.run.joined.rglob("*")}
    assert place.add() == ["anna: the same maps were added before, so nothing changes"]
    assert {path: path.stat().st_mtime_ns for path in place.run.joined.rglob("*")} == before
    place.write(npy, "other", "anna", seed=1)
    with pytest.raises(
        ValueError, match="other maps of anna were added before; --remove anna first"
    ):
        place.add("other")
    place.write(npy, "twin", "ben")
    with pytest.raises(ValueError, match="the same maps were added before as anna"):
        place.add("twin")
    assert place.add("other", remove=("anna",))[0] == "anna: maps removed"
    assert list(read_joined(place.run)) == ["anna"]
    assert read_joined(place.run)["anna"].source.endswith("other")


def test_two_join_at_once_and_one_leaves(place: Place) -> None:
    place.write(npy, "a", "anna")
    place.write(nnunet, "b", "ben", seed=1)
    place.add("b", "a")
    assert list(read_joined(place.run)) == ["anna", "ben"]
    with pytest.raises(ValueError, match="--remove: unknown 'bem'; did you mean 'ben'"):
        change(place.run, place.samples, place.folds, [], ["bem"])
    change(place.run, place.samples, place.folds, [], ["anna"])
    assert list(read_joined(place.run)) == ["ben"]
    assert not joined_dir(place.run, "anna").path.exists()


def test_what_a_killed_copy_left_is_no_member_and_is_replaced(place: Place) -> None:
    maps = place.write(npy)
    torn = joined_dir(place.run, "anna")
    torn.path.mkdir(parents=True)
    torn.oof(0).write_bytes(b"torn")
    (torn.path / "stale").touch()
    assert read_joined(place.run) == {}
    place.add()
    np.testing.assert_allclose(place.stored()["cmr1"], maps["cmr1"], atol=6e-4)
    assert not (torn.path / "stale").exists()
