"""The one reader of CSV files, and every place that reads one through it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import TableGroupSpec, TableSplitsSpec
from raytrain.data.formats.rle_table import index_rle_table
from raytrain.data.index import Found, Index
from raytrain.data.splits import group_function, with_splits
from raytrain.data.tables import read_table
from raytrain.submission.change import change
from raytrain.submission.checks import check_submission
from raytrain.submission.inference.tables import open_sample, open_train
from raytrain.submission.table import build_table
from tests.format_files import save

IDS = ("NA", "null", "1e5", "007")
"""Ids that many readers of CSV files change."""
CELLS = ("1 1", "2 1", "train", "val")
SPEC = SubmissionSpec(dialect="lasc")
MASKS = [(id, np.eye(2, 3, k, dtype=np.uint8)) for k, id in enumerate(IDS)]
IMAGES = [Found(id, None, (f"{id}.png",), ("m",), "m") for id in IDS]


def split_table(path: Path) -> list[str]:
    groups = dict.fromkeys(IDS, "g")
    samples, problems, _ = with_splits(
        Index(IMAGES, []), TableSplitsSpec(file=path.name, split="rle"), path.parent, groups
    )
    return problems or [sample.id for sample in samples]


def group_table(path: Path) -> list[str]:
    group_of = group_function(TableGroupSpec(file=path.name, group="rle"), path.parent)
    return [id for id in IDS if group_of(id, {})]


def rle_table(path: Path) -> list[str]:
    for id in IDS:
        save(path.parent / f"{id}.png")
    spec = RleTableSpec(dialect="lasc", image="{name}.png", table=path.name)
    index = index_rle_table(spec, None, path.parent)
    return index.problems or sorted((sample.id for sample in index.samples), key=IDS.index)


def sample_in_order(path: Path) -> list[str]:
    spec = SubmissionSpec(dialect="lasc", sample=str(path))
    return [row[0] for row in build_table(MASKS[::-1], ("a", "b"), spec, "single_label")]


def sample_in_checks(path: Path) -> list[str]:
    good = path.with_name("good.csv")
    good.write_text("id,rle\n" + "".join(f"{id},{k + 1} 1\n" for k, id in enumerate(IDS)))
    spec = SubmissionSpec(dialect="lasc", sample=str(path))
    problems = check_submission(good, spec, [], ("a", "b"), "single_label")
    return [p for p in problems if "not in the masks" not in p] or [*IDS]


def inferred_sample(path: Path) -> list[str]:
    return open_sample(path).column("id")


def inferred_train(path: Path) -> list[str]:
    return open_train(path, open_sample(path), (), set()).column("id")


def sent_before(path: Path) -> list[str]:
    return [*IDS[: change(path, MASKS, ("a", "b"), "single_label", SPEC).of]]


READERS = [
    (split_table, ("train", "val", "test", "train")),
    *(
        (reader, ("1 1", "3 1", "5 1", ""))
        for reader in (
            group_table, rle_table, sample_in_order, sample_in_checks, inferred_sample,
            inferred_train, sent_before,
        )
    ),
]  # fmt: skip
Reader = Callable[[Path], list[str]]


def wrong(read: Reader, path: Path, text: str) -> str:
    """What a reader says to a file."""
    path.write_text(text)
    try:
        return "\n".join(read(path))
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(("read", "cells"), READERS)
def test_every_reader_takes_the_same_files(
    read: Reader, cells: tuple[str, ...], tmp_path: Path
) -> None:
    if read in (group_table, sent_before):
        cells = ("1 1", "3 1", "5 1", "5 1")
    lines = ["id,rle", *(f"{id},{cell}" for id, cell in zip(IDS, cells, strict=True))]
    path = tmp_path / "t.csv"
    for text in ("\n".join(lines), "\ufeff" + "\r\n".join(lines) + "\r\n\r\n\n"):
        path.write_text(text, newline="")
        assert sorted(read(path)) == sorted(IDS)
    short = wrong(read, path, "\n".join([*lines[:-1], IDS[-1]]))
    assert "t.csv: row 5 has 1 cell, the header has 2; add column 'rle'" in short
    long = wrong(read, path, "\n".join([lines[0], *(f"{line}," for line in lines[1:])]))
    assert "t.csv: row 2 has 3 cells, the header has 2; remove a comma" in long
    assert "t.csv: row 3 has 0 cells" in wrong(read, path, "\n".join([*lines[:2], "", *lines[2:]]))
    assert "t.csv: not a CSV file" in wrong(read, path, "\n".join(lines) + '\nz,"1')
    assert "t.csv: column 'rle' occurs twice" in wrong(
        read, path, "\n".join(f"{line},{line.partition(',')[2]}" for line in lines)
    )


@pytest.mark.parametrize("read", [group_table, split_table])
def test_holes_and_contradictions_are_named_by_row_and_column(read: Reader, tmp_path: Path) -> None:
    path, lines = tmp_path / "t.csv", ["id,rle", *(f"{id},train" for id in IDS)]
    for cell in ("", " "):
        text = wrong(read, path, "\n".join([*lines[:2], f"null,{cell}", *lines[3:]]))
        assert "t.csv: row 3, column 'rle': the cell is blank" in text
        assert "row 3, column 'id': the cell is blank" in wrong(
            read, path, "\n".join([*lines[:2], f"{cell},val", *lines[2:]])
        )
    twice = "\n".join([*lines, "007,train", "null,val"])
    assert "t.csv: row 7, column 'rle': 'null' is 'val' here and 'train' in row 3" in wrong(
        read, path, twice
    )
    assert "row 6" not in wrong(read, path, twice)  # the same again contradicts nothing


def test_a_mask_table_says_one_thing_of_an_image_and_class(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = "id,rle\nNA,1 1\nnull,2 1\n1e5,\n007,1 1\nNA,3 1\nnull,\n"
    assert "t.csv: row 7: 'null' is empty here, but not in row 3" in wrong(rle_table, path, text)
    spec = RleTableSpec(
        dialect="uw_madison", image="{name}.png", table="t.csv", columns=("id", "class", "rle"),
    )  # fmt: skip
    path.write_text("id,class,rle\nNA,b,1 1\nnull,,2 1\n1e5,,\n007,b,\n")
    [problem] = index_rle_table(spec, None, tmp_path).problems
    assert problem.endswith("t.csv: row 3, column 'class': the cell is blank; fill it")


def test_what_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(ValueError, match=r"t\.csv: no such file"):
        read_table(path)
    path.write_bytes(b"id,encoding\n\xff\xfe,1 1\n")
    with pytest.raises(ValueError, match="not a CSV file in UTF-8"):
        read_table(path)
    path.write_text("id,\na,b\n")
    with pytest.raises(ValueError, match="column 2 has no name"):
        read_table(path)
    path.write_text("id\n" + "a,b\n" * 20_000)
    with pytest.raises(ValueError, match="and 19990 more of this kind") as caught:
        read_table(path)
    assert len(str(caught.value).split("\n")) == 11
