"""Each competition's CSV, byte by byte, checked, and read back as a training table."""

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.config.competition import CompetitionSpec, SubmissionSpec
from raytrain.config.dialects import DIALECTS
from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.find import find_samples
from raytrain.data.formats.rle_table import read_rle_mask
from raytrain.submission.checks import check_submission
from raytrain.submission.table import build_table, write_table

CLASSES = ("background", "Fish", "Flower")
TABLE = "submission.csv"


def labels(*rows: str) -> np.ndarray:
    """A label image (H, W) uint8 as drawn; a point is background."""
    return np.array([[int(letter) for letter in row.replace(".", "0")] for row in rows], np.uint8)


DRAWN = labels("1.12", "1..2", "..2.")
"""Fish: two objects. Flower: one, its pixels meet at corners."""
NOTHING = np.zeros((3, 4), np.uint8)


def packed(*letters: str) -> str:
    """Objects as HuBMAP 2023 lists them, from COCO's letters."""
    words = [base64.b64encode(zlib.compress(part.encode(), 9)).decode() for part in letters]
    return " ".join(f"0 1.0 {word}" for word in words)


def by_column(header: str, id: str = "{}", empty: str = "") -> str:
    return f"{header}\n{id.format('a')},1 2 7 1 9 3\n{id.format('b')},{empty}\n"


def by_row(header: str, id: str = "{}", empty: str = "") -> str:
    return f"{header}\n{id.format('a')},1 1 3 3 8 1 11 1\n{id.format('b')},{empty}\n"


BY_HAND = {
    "cardiac": "id,encoding\na_mask1,1 2 7 1\na_mask2,9 3\nb_mask1,\nb_mask2,\n",
    "lasc": by_column("id,rle"),
    "carvana": by_row("img,rle_mask", "{}.jpg"),
    "tgs_salt": by_column("id,rle_mask"),
    "dsb_2018": "ImageId,EncodedPixels\na,1 2\na,7 1\na,9 3\nb,\n",
    "airbus": "ImageId,EncodedPixels\na.jpg,1 2\na.jpg,7 1\na.jpg,9 3\nb.jpg,\n",
    "siim_acr": "ImageId,EncodedPixels\na,0 2\na,6 1\na,8 3\nb,-1\n",
    "severstal": "ImageId_ClassId,EncodedPixels\n"
    "a.jpg_1,1 2 7 1\na.jpg_2,9 3\nb.jpg_1,\nb.jpg_2,\n",
    "clouds": "Image_Label,EncodedPixels\n"
    "a.jpg_Fish,1 2 7 1\na.jpg_Flower,9 3\nb.jpg_Fish,\nb.jpg_Flower,\n",
    "hubmap_2021": by_column("id,predicted"),
    "sartorius": "id,predicted\na,1 1 5 1\na,3 1\na,4 1 8 1 11 1\nb,\n",
    "uw_madison": "id,class,predicted\n"
    "a,Fish,1 1 3 1 5 1\na,Flower,4 1 8 1 11 1\nb,Fish,\nb,Flower,\n",
    "hubmap_hpa_2022": by_column("id,rle"),
    "vesuvius": by_row("Id,Predicted"),
    "contrails": by_column("record_id,encoded_pixels", empty="-"),
    "sennet": by_row("id,rle", empty="1 0"),
    "hubmap_2023": "id,height,width,prediction_string\n"
    f"a,3,4,{packed('02:', '615', '831')}\nb,3,4,\n",
}


def masks() -> dict[str, np.ndarray]:
    """Label images (H, W) of 0, 1, 2, none of them square."""
    rng = np.random.default_rng(0)
    edges = np.zeros((6, 9), np.uint8)
    edges[0], edges[-1], edges[1:-1, 0], edges[1:-1, -1] = 1, 2, 2, 1
    return {
        "random1": rng.integers(0, 3, (23, 17)).astype(np.uint8),
        "sparse2": (rng.random((31, 20)) < 0.03).astype(np.uint8) * 2,
        "empty3": np.zeros((5, 7), np.uint8),
        "full4": np.full((7, 5), 2, np.uint8),
        "checkerboard5": (np.indices((8, 6)).sum(0) % 2).astype(np.uint8),
        "bothboard6": (np.indices((7, 10)).sum(0) % 2 + 1).astype(np.uint8),
        "edges7": edges,
        "line8": rng.integers(0, 3, (1, 19)).astype(np.uint8),
        "dot9": np.ones((1, 1), np.uint8),
    }


def write(folder: Path, named: list[tuple[str, np.ndarray]], spec: SubmissionSpec) -> Path:
    path = folder / TABLE
    write_table(path, build_table(named, CLASSES, spec, "single_label"), spec)
    return path


def test_every_dialect_was_worked_out_by_hand() -> None:
    assert set(BY_HAND) == set(DIALECTS)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_dialect_by_hand(name: str, tmp_path: Path) -> None:
    spec = SubmissionSpec(dialect=name)
    named = [("a", DRAWN), ("b", NOTHING)]
    path = write(tmp_path, named, spec)
    assert path.read_text() == BY_HAND[name]
    assert check_submission(path, spec, named, CLASSES, "single_label") == []


@pytest.mark.parametrize("name", DIALECTS)
def test_what_a_dialect_writes_is_a_training_table(name: str, tmp_path: Path) -> None:
    spec = SubmissionSpec(dialect=name)
    path = write(tmp_path, [*masks().items()], spec)
    assert check_submission(path, spec, masks().items(), CLASSES, "single_label") == []
    for id, mask_HW in masks().items():
        Image.fromarray(mask_HW).save(tmp_path / f"{id}.png")
    table = RleTableSpec(dialect=name, image="{name}.png", table=TABLE)
    competition = CompetitionSpec(
        name="c", data=str(tmp_path), format=table, classes=CLASSES, group={"name": "own"},
        splits=RangeSplitsSpec(train="1-9"),
    )  # fmt: skip
    found = find_samples(competition, tmp_path)
    assert found.problems == []
    assert {sample.id for sample in found.samples} == set(masks())
    for sample in found.samples:
        mask_HW = masks()[sample.id]
        read_HW = read_rle_mask(
            table, tmp_path, sample.mask, mask_HW.shape, CLASSES, "single_label"
        )
        np.testing.assert_array_equal(read_HW, mask_HW if spec.by_class else mask_HW != 0)


@pytest.mark.parametrize("name", DIALECTS)
def test_another_mask_than_the_files_is_found_out(name: str, tmp_path: Path) -> None:
    spec = SubmissionSpec(dialect=name)
    path = write(tmp_path, [("a", DRAWN), ("b", NOTHING)], spec)
    for row, column in ((0, 0), (1, 1), (2, 3)):
        other_HW = DRAWN.copy()
        other_HW[row, column] = 1 - min(1, other_HW[row, column])
        assert check_submission(
            path, spec, [("a", other_HW), ("b", NOTHING)], CLASSES, "single_label"
        )
    dot_HW = NOTHING.copy()
    dot_HW[2, 1] = 1
    assert check_submission(path, spec, [("a", DRAWN), ("b", dot_HW)], CLASSES, "single_label")
    assert check_submission(path, spec, [("a", NOTHING), ("b", NOTHING)], CLASSES, "single_label")


def faults(folder: Path, name: str, text: str, mask_HW: np.ndarray = DRAWN) -> list[str]:
    """What is wrong with a file of image `a`."""
    path = folder / TABLE
    path.write_text(text)
    found = check_submission(
        path, SubmissionSpec(dialect=name), [("a", mask_HW)], CLASSES, "single_label"
    )
    return [problem.removeprefix(f"{path}: ") for problem in found]


def test_objects_may_stand_in_any_order(tmp_path: Path) -> None:
    header = "ImageId,EncodedPixels"
    assert faults(tmp_path, "airbus", f"{header}\na.jpg,9 3\na.jpg,1 2\na.jpg,7 1\n") == []
    listed = packed("831", "02:", "615")
    text = f"id,height,width,prediction_string\na,3,4,{listed}\n"
    assert faults(tmp_path, "hubmap_2023", text) == []


FEWER, MORE = (
    "a.jpg: the file has 2 objects, the mask has 3",
    "a.jpg: the file has 4 objects, the mask has 3",
)
DIFFERS = "a.jpg: 1 px differ from the mask"


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        (["1 2", "7 1"], [FEWER]),
        (["1 2 7 1", "9 3"], [FEWER, DIFFERS]),
        (["1 3", "7 1", "9 3"], [DIFFERS]),
        (["1 2", "7 1", ""], ["a.jpg: one of several rows has no pixel"]),
        (
            ["1 2", "7 1", "9 3", "9 3"],
            [
                MORE,
                "a.jpg: the object at row 0, column 3 matches no remaining object of the mask",
                "a: 3 px are in several rows, but rows must not overlap",
            ],
        ),
        (
            ["1 2", "6 1", "7 1", "9 3"],
            [MORE, "a.jpg: the object at row 2, column 1 matches no remaining object of the mask"],
        ),
    ],
)
def test_objects_that_are_wrong(rows: list[str], problems: list[str], tmp_path: Path) -> None:
    text = "ImageId,EncodedPixels\n" + "".join(f"a.jpg,{row}\n" for row in rows)
    assert faults(tmp_path, "airbus", text) == problems


def test_an_image_without_objects_has_one_row(tmp_path: Path) -> None:
    header = "ImageId,EncodedPixels"
    assert faults(tmp_path, "airbus", f"{header}\na.jpg,\n", NOTHING) == []
    assert faults(tmp_path, "airbus", f"{header}\n", NOTHING) == [
        "ids in the masks but not in the file: a.jpg"
    ]
    assert faults(tmp_path, "airbus", f"{header}\na.jpg,\na.jpg,\n", NOTHING) == [
        "a.jpg: the file has 2 objects, the mask has 1"
    ]


def test_another_token_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path, "sennet", "id,rle\na,\n", NOTHING) == [
        "a: the cell is blank; an empty mask is written '1 0'"
    ]
    assert faults(tmp_path, "contrails", "record_id,encoded_pixels\na,-1\n", NOTHING) == [
        "a: '-1' is not a positive whole number below 10**18"
    ]


def test_the_key_is_all_that_stands_before_the_encoding(tmp_path: Path) -> None:
    text = "id,class,predicted\na,Fish,1 1 3 1 5 1\na,Fish,4 1 8 1 11 1\n"
    assert faults(tmp_path, "uw_madison", text) == [
        "ids that occur more than once: a,Fish",
        "ids in the masks but not in the file: a,Flower",
    ]
    listed = packed("02:", "615", "831")
    text = f"id,height,width,prediction_string\na,4,3,{listed}\n"
    assert faults(tmp_path, "hubmap_2023", text) == [
        "ids in the masks but not in the file: a,3,4",
        "ids in the file but not in the masks: a,4,3",
    ]


OVERLAPPING = labels("1.3", "..2")
"""Bits: the pixel at the top right is of both classes."""


@pytest.mark.parametrize("name", [name for name in DIALECTS if DIALECTS[name].by_class])
def test_classes_may_overlap_where_the_dialect_allows_it(name: str, tmp_path: Path) -> None:
    spec = SubmissionSpec(dialect=name, order="column")
    rows = build_table([("a", OVERLAPPING)], CLASSES, spec, "multi_label")
    assert [row[-1] for row in rows] == ["1 1 5 1", "5 2"]
    write_table(tmp_path / TABLE, rows, spec)
    path = tmp_path / TABLE
    assert check_submission(path, spec, [("a", OVERLAPPING)], CLASSES, "multi_label") == []
    refusing = SubmissionSpec(dialect=name, order="column", overlaps="refused")
    with pytest.raises(ValueError, match=r"a: 1 px are in several rows, but .*overlaps"):
        build_table([("a", OVERLAPPING)], CLASSES, refusing, "multi_label")


def test_objects_of_two_classes_may_not_overlap_in_airbus() -> None:
    with pytest.raises(ValueError, match=r"but rows must not overlap \(dialect airbus"):
        build_table([("a", OVERLAPPING)], CLASSES, SubmissionSpec(dialect="airbus"), "multi_label")
    rows = build_table([("a", OVERLAPPING)], CLASSES, SubmissionSpec(dialect="siim_acr"),
                       "multi_label")  # fmt: skip
    assert rows == [("a", "0 1"), ("a", "4 1"), ("a", "4 2")]


def test_any_field_may_be_given_beside_the_dialect(tmp_path: Path) -> None:
    spec = SubmissionSpec(
        dialect="severstal", id="{name}:{class}", columns=("i", "r"), order="row", first=0,
        empty="none", class_as="name", row="object",
    )  # fmt: skip
    rows = build_table([("a", DRAWN * (DRAWN == 1))], CLASSES, spec, "single_label")
    assert rows == [("a:Fish", "0 1 4 1"), ("a:Fish", "2 1"), ("a:Flower", "none")]
    assert SubmissionSpec.model_validate(spec.model_dump()) == spec


def test_a_sample_orders_rows_of_objects(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("ImageId,EncodedPixels\nb.jpg,1 1\na.jpg,1 1\n")
    spec = SubmissionSpec(dialect="airbus", sample=str(sample))
    path = write(tmp_path, [("a", DRAWN), ("b", NOTHING)], spec)
    lines = path.read_text().splitlines()
    assert lines[1:] == ["b.jpg,", "a.jpg,1 2", "a.jpg,7 1", "a.jpg,9 3"]
    assert (
        check_submission(path, spec, [("a", DRAWN), ("b", NOTHING)], CLASSES, "single_label") == []
    )
    path.write_text("\n".join([lines[0], *lines[2:], lines[1]]))
    [problem] = check_submission(
        path, spec, [("a", DRAWN), ("b", NOTHING)], CLASSES, "single_label"
    )
    assert "row 2 is 'a.jpg', but in the order of the sample" in problem
