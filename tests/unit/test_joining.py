"""A team-mate's maps: every format comes in as it is meant, and nothing that is wrong comes in."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec
from raytrain.config.target import Target
from raytrain.data.checks import inspect
from raytrain.data.folds import Folds, make_folds
from raytrain.data.report import write_report
from raytrain.engine.trial import Samples, open_samples
from raytrain.pipeline.joining import change
from raytrain.runs.joined import joined_dir, read_joined
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import Maps
from tests.given_maps import (
    Write,
    nnunet,
    npy,
    npy_foreground,
    plain_npz,
    png_by_number,
    png_foreground,
    write_given,
    write_png,
)
from tests.unit.conftest import Competition


@dataclass(frozen=True)
class Place:
    """A checked competition of 10x12 px, its folds, and where a team-mate's folder goes."""

    run: RunDir
    samples: Samples
    folds: Folds
    folder: Path

    def write(self, write: Write, folder: str = "given", name: str = "anna", seed: int = 0) -> dict:
        report = self.samples.report
        return write_given(self.folder / folder, report, self.folds, write, name, seed)

    def add(self, *folders: str, remove: tuple[str, ...] = ()) -> list[str]:
        paths = [self.folder / folder for folder in folders or ("given",)]
        return change(self.run, self.samples, self.folds, paths, list(remove))

    def stored(self, name: str = "anna") -> dict[str, np.ndarray]:
        """Every map as the run keeps it."""
        report, directory = self.samples.report, joined_dir(self.run, name)
        parts = [(directory.oof(fold), ids) for fold, ids in enumerate(self.folds.val_ids)]
        parts.append((directory.test, report.ids("test")))
        return {
            id: Maps(path, report.map_shapes(ids))[number]
            for path, ids in parts
            for number, id in enumerate(ids)
        }

    def edit_card(self, **fields: object) -> None:
        path = self.folder / "given/member.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))


SPLITS = dict(zip(range(1, 7), ("train", "train", "val", "val", "test", "test"), strict=True))


def open_place(competition: Competition, target: Target, classes: tuple[str, ...]) -> Place:
    spec = CompetitionSpec(
        name="tiny", data=str(competition.root), classes=classes, group="(N+1)//2", target=target,
        format={"mask": "{split}/mask/{name}_{class}.png"} if target == "multi_label" else {},
    )  # fmt: skip
    folder = competition.root.parent
    run = RunDir(folder / "run")
    report = inspect(spec)
    write_report(run.data_report, report)
    return Place(run, open_samples(run), make_folds(report, FoldSpec(count=2)), folder)


@pytest.fixture
def place(competition: Competition) -> Place:
    """Three classes, four patients of two labelled images, two test images."""
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
    assert place.add() == ["anna joined: 8 out-of-fold and 2 test maps"]
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


def write_mask(path: Path, mask_HW: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(mask_HW).save(path)


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
    assert place.add() == ["anna joined before; nothing is to be done"]
    assert {path: path.stat().st_mtime_ns for path in place.run.joined.rglob("*")} == before
    place.write(npy, "other", "anna", seed=1)
    with pytest.raises(ValueError, match="another anna joined before; --remove anna first"):
        place.add("other")
    place.write(npy, "twin", "ben")
    with pytest.raises(ValueError, match="the same maps joined before as anna"):
        place.add("twin")
    assert place.add("other", remove=("anna",))[0] == "anna left the ensemble"
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


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, change(np.load(path)))


def holed(prob_KHW: np.ndarray) -> np.ndarray:
    prob_KHW[1, 2, 3] = np.nan
    return prob_KHW


def cropped(prob_KHW: np.ndarray) -> np.ndarray:
    prob_KHW[:, :2] = 0
    return prob_KHW


FAULTS: list[tuple[Callable[[np.ndarray], np.ndarray], str]] = [
    (lambda p: p[:, :, :9], "9x10 px, the image has 12x10"),
    (lambda p: p.transpose(0, 2, 1), r"10x12 px, .*rows and columns swapped"),
    (lambda p: p.transpose(1, 2, 0), "classes come first"),
    (lambda p: p[:2], "2 channels, 3 are due for 3 classes"),
    (lambda p: p[0, 0], r"shape \(12,\); K,H,W is due: \(3, 10, 12\)"),
    (lambda p: p * 9 - 4, r"values -3\.\d+ \.\. .* are no probabilities \(logits"),
    (lambda p: p - 0.1, "are no probabilities"),
    (holed, "1 values are NaN"),
    (lambda p: p * 0.99, "120 px do not sum to 1"),
    (cropped, r"24 px do not sum to 1 over the classes, 0 \(outside of a crop"),
    (lambda p: (255 * p).astype(np.uint8), "holds uint8; probabilities are floats"),
]


@pytest.mark.parametrize(("fault", "text"), FAULTS)
@pytest.mark.parametrize("name", ["oof/cmr3", "test/cmr10"])
def test_one_wrong_map_is_named_and_nothing_is_written(
    place: Place, fault: Callable[[np.ndarray], np.ndarray], text: str, name: str
) -> None:
    place.write(npy)
    rewrite(place.folder / f"given/{name}.npy", fault)
    with pytest.raises(ValueError, match=rf"nothing joined\n  .*{name}\.npy: .*{text}") as caught:
        place.add()
    assert str(caught.value).count("\n") == 1
    assert not place.run.joined.exists()


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
    with pytest.raises(ValueError, match="nothing joined") as caught:
        change(place.run, place.samples, place.folds, [given, place.folder / "no"], ["nobody"])
    text = str(caught.value)
    for part in (
        "--remove nobody: nothing joined",
        f"folds: the maps were made on folds 000000000000, this run's are {place.folds.hash}",
        f"leak: 1 maps come from a model that saw the image's group: cmr5 (group 3: fold {wrong}, "
        f"held out in {1 - wrong})",
        "fold_of: says nothing of cmr6",
        "fold_of: names what is no labelled image: cmr99",
        "oof: 1 missing: cmr4.npy",
        "oof: 1 of no such image: cmr9.npy",
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
    with pytest.raises(
        ValueError, match=r"cmr9\.npz: cannot be read: no key 'probabilities', only"
    ):
        place.add()
    (place.folder / "given/test/cmr9.npz").unlink()
    write_mask(place.folder / "given/oof/cmr1_2.png", np.zeros((10, 12), np.uint8))
    (place.folder / "given/oof/cmr2_1.png").unlink()
    with pytest.raises(ValueError, match="8 bits, 2 dimensions") as caught:
        place.add()
    assert "1 missing: cmr2_1.png" in str(caught.value)


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
