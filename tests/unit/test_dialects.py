"""Each competition's CSV, byte by byte, checked, and read back as a training table."""

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
from tests.drawn_masks import CLASSES, DRAWN, NOTHING, TABLE, labels, packed


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
