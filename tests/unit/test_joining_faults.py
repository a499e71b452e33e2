"""A team-mate's maps: nothing that is wrong comes in, and each fault has its message."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from raytrain.ensemble.teammates import change
from tests.given_maps import (
    npy,
    npy_foreground,
    png_by_number,
)
from tests.unit.conftest import Competition
from tests.unit.joining_place import SPLITS, Place, open_place, write_mask


@pytest.fixture
def place(competition: Competition) -> Place:
    """Three classes, four patients of two labeled images, two test images."""
    competition.fill(train=3, val=1, test=1)
    return open_place(competition, "single_label", ("background", "ring", "core"))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same place, for tests in which nothing joins."""
    root = tmp_path_factory.mktemp("place")
    competition = Competition(root / "data")
    competition.fill(train=3, val=1, test=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(root / "cache"))
        return open_place(competition, "single_label", ("background", "ring", "core"))


@pytest.fixture
def written(lasting: Place) -> Iterator[Place]:
    """The lasting place, with a team-mate's folder for one test."""
    lasting.write(npy)
    yield lasting
    shutil.rmtree(lasting.folder / "given")


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, change(np.load(path)))


def holed(prob_KHW: np.ndarray) -> np.ndarray:
    prob_KHW[1, 2, 3] = np.nan
    return prob_KHW


def cropped(prob_KHW: np.ndarray) -> np.ndarray:
    prob_KHW[:, :2] = 0
    return prob_KHW


FAULTS: list[tuple[Callable[[np.ndarray], np.ndarray], str]] = [
    (lambda p: p[:, :, :9], "9x10 px, but the image has 12x10"),
    (lambda p: p.transpose(0, 2, 1), r"10x12 px, .*rows and columns swapped"),
    (lambda p: p.transpose(1, 2, 0), "classes must come first"),
    (lambda p: p[:2], "2 channels, but 3 classes need 3"),
    (lambda p: p[0, 0], r"shape \(12,\); the shape must be K,H,W: \(3, 10, 12\)"),
    (lambda p: p * 9 - 4, r"values -3\.\d+ \.\. .* are not in 0 \.\. 1; save pro"),
    (lambda p: p - 0.1, r"are not in 0 \.\. 1"),
    (holed, "1 values are NaN"),
    (lambda p: p * 0.99, "at 120 px the sum over the classes is not 1, but for example 0.99"),
    (cropped, r"at 24 px the sum .* is not 1, but for example 0 \(outside of a crop"),
    (lambda p: (255 * p).astype(np.uint8), "contains uint8; probabilities must be floats"),
]


@pytest.mark.parametrize(("fault", "text"), FAULTS)
@pytest.mark.parametrize("name", ["oof/cmr3", "test/cmr10"])
def test_one_wrong_map_is_named_and_nothing_is_written(
    written: Place, fault: Callable[[np.ndarray], np.ndarray], text: str, name: str
) -> None:
    rewrite(written.folder / f"given/{name}.npy", fault)
    with pytest.raises(ValueError, match=rf"no maps were .*\n  .*{name}\.npy: .*{text}") as caught:
        written.add()
    assert str(caught.value).count("\n") == 1
    assert not written.run.joined.exists()


def test_all_that_is_wrong_is_said_at_once(place: Place) -> None:
    place.write(npy)
    given = place.folder / "given"
    rewrite(given / "oof/cmr1.npy", holed)
    rewrite(given / "oof/cmr2.npy", lambda p: p * 2)
    (given / "oof/cmr4.npy").unlink()
    (given / "oof/cmr9.npy").write_bytes((given / "test/cmr9.npy").read_bytes())
    (given / "test/cmr10.npy").write_bytes(b"\x93NUMPY torn")
    wrong = 1 - next(fold for fold, ids in enumerate(place.folds.val_ids) if "cmr5" in ids)
    fold_of = json.loads((given / "member.json").read_text())["fold_of"] | {"cmr5": wrong}
    del fold_of["cmr6"]
    place.edit_card(folds="0" * 12, fold_of={**fold_of, "cmr99": 0})
    with pytest.raises(ValueError, match="no maps were added or removed") as caught:
        change(place.run, place.samples, place.folds, [given, place.folder / "no"], ["nobody"])
    text = str(caught.value)
    for part in (
        "--remove nobody: no maps added yet",
        f"folds: the maps were made on folds 000000000000, this run's are {place.folds.hash}",
        f"leak: 1 maps come from a model that saw the image's group: cmr5 (group 3: fold_of "
        f"says {wrong}, but fold {1 - wrong} holds it out)",
        "fold_of: lacks cmr6",
        "fold_of: lists names that are not labeled images: cmr99",
        "oof: 1 file missing: cmr4.npy",
        "oof: 1 file without an image in this run: cmr9.npy",
        "oof/cmr1.npy: 1 values are NaN",
        "oof/cmr2.npy: values",
        "test/cmr10.npy: cannot be read",
        "no/member.json: missing",
        "no/oof: no maps",
        "no/test: no maps",
    ):
        assert part in text
    assert len(text.splitlines()) == 14
    assert not place.run.joined.exists()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": "../up"}, "name: string should match"),
        ({"fold_of": {"cmr1": "x"}}, "fold_of"),
        ({"flods": 1}, "flods: unknown key 'flods'; did you mean 'folds'"),
    ],
)
def test_a_card_that_is_none(place: Place, fields: dict, text: str) -> None:
    place.write(npy)
    place.edit_card(**fields)
    with pytest.raises(ValueError, match=rf"member\.json: {text}"):
        place.add()


def test_files_of_the_wrong_kind(place: Place) -> None:
    place.write(png_by_number)
    np.savez(place.folder / "given/test/cmr9.npz", softmax=np.zeros((3, 10, 12)))
    with pytest.raises(ValueError, match=r"cmr9\.npz: cannot be read: it holds softmax; save"):
        place.add()
    (place.folder / "given/test/cmr9.npz").unlink()
    write_mask(place.folder / "given/oof/cmr1_2.png", np.zeros((10, 12), np.uint8))
    (place.folder / "given/oof/cmr2_1.png").unlink()
    with pytest.raises(ValueError, match="8 bits, 2 dimensions") as caught:
        place.add()
    assert "1 file missing: cmr2_1.png" in str(caught.value)


def test_square_maps_that_were_turned_are_found_by_the_masks(competition: Competition) -> None:
    for number in range(1, 7):
        mask = np.zeros((12, 12), np.uint8)
        mask[2:4, 3:11] = 1
        image = np.full((12, 12), number, np.uint8)
        split = SPLITS[number]
        competition.add(split, f"cmr{number}", image, None if number > 4 else mask)
    place = open_place(competition, "single_label", ("background", "core"))

    def good(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
        prob_HW = np.full((12, 12), 0.1)
        prob_HW[2:4, 3:10] = 0.9
        npy_foreground(folder, id, np.stack([1 - prob_HW, prob_HW]))

    def turned(folder: Path, id: str, prob_KHW: np.ndarray) -> None:
        good(folder, id, prob_KHW)
        rewrite(folder / f"{id}.npy", np.transpose)

    place.write(turned, "turned")
    with pytest.raises(ValueError, match="far better with rows and columns swapped"):
        place.add("turned")
    place.write(good)
    assert place.add()
