"""Texts that are no mask, and dialects that cannot be, are refused with the reason."""

import base64
import zlib
from typing import Any

import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.config.dialects import DIALECTS, Dialect
from raytrain.rle import decode, read_cell

COLUMN, COCO, PACKED = Dialect(), Dialect(layout="coco"), Dialect(layout="coco_zlib")


def _packed(letters: bytes, after: bytes = b"") -> str:
    return base64.b64encode(zlib.compress(letters) + after).decode()


@pytest.mark.parametrize(
    ("rules", "text", "fault"),
    [
        (COLUMN, "1 2 5", "3 numbers, but each start needs a length"),
        (COLUMN, "0 2", "'0' is not a positive whole number"),
        (COLUMN, "3 0", "'0' is not a positive whole number"),
        (COLUMN, "-1 2", "'-1' is not a positive whole number"),
        (COLUMN, "1.0 2", "'1.0' is not a positive whole number"),
        (COLUMN, "nan", "'nan' is not a positive whole number"),
        (COLUMN, "1_0 1", "'1_0' is not a positive whole number"),
        (COLUMN, "5 2 1 2", "run 1 2 starts before the run before it, 5 2"),
        (COLUMN, "1 3 3 2", "run 3 2 overlaps the run before it, 1 3"),
        (COLUMN, "13 1", "run 13 1 leaves the image of 4x3 px"),
        (COLUMN, "12 2", "run 12 2 leaves the image of 4x3 px"),
        (COLUMN, "1 999999999999999999", "leaves the image"),
        (COLUMN, "99999999999999999999 1", "'99999999999999999999' is not a positive whole number"),
        (DIALECTS["sennet"], "0 1", "'0' is not a positive whole number"),
        (DIALECTS["siim_acr"], "-2 1", "'-2' is not a whole number from 0 on"),
        (DIALECTS["siim_acr"], "0 0", "'0' is not a positive whole number"),
        (DIALECTS["siim_acr"], "3 2 5 3", "run 5 3 leaves the image of 4x3 px"),
        (DIALECTS["siim_acr"], "9 1 " * 50, "run 9 1 leaves the image"),
        (COCO, "44", "the runs fill 8 px, but the image has 4x3 px"),
        (COCO, "445", "the runs fill 13 px"),
        (COCO, "4 4", "character 2 of '4 4' is not one of COCO's"),
        (COCO, "44p", "character 3 of '44p' is not one of COCO's"),
        (COCO, "44T", "'44T' ends within a number"),
        (COCO, "O45", "run 1 has -1 px"),
        (COCO, "408", "run 2 has 0 px"),
        (COCO, "4" + "P" * 12 + "1", "a number has 13 characters"),
        (COCO, "PPPPPPP1", "a run is longer than the image of 4x3 px"),
        (PACKED, "444", "'444' is not base64 of zlib"),
        (PACKED, "NDQ0", "'NDQ0' is not base64 of zlib"),
        (PACKED, _packed(b"445"), "the runs fill 13 px"),
        (PACKED, _packed(b"444")[:-8], "breaks off"),
        (PACKED, _packed(b"444", b"444"), "holds more than this image's counts"),
        (PACKED, _packed(b"4" * 10**6), "holds more than this image's counts"),
    ],
)
def test_a_decoder_names_the_fault(rules: Dialect, text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        decode(text, (3, 4), rules)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [("0 1.0", "2 words, but each object needs 3"), ("0 1.0 444", "not base64 of zlib")],
)
def test_a_cell_of_several_objects_names_the_fault(cell: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        list(read_cell(cell, (3, 4), DIALECTS["hubmap_2023"]))


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("dialect", "airbsu", "unknown 'airbsu'; did you mean 'airbus'"),
        ("columns", ["id", "id"], "each name only once"),
        ("columns", ["id", "organ", "rle"], "only class_column, height and width may be"),
        ("class_column", "organ", "'organ' is not between the id and the encoding"),
        ("id", "{name}_{clas}", "unknown '{clas}'; did you mean '{class}'"),
        ("layout", "coco", "order, first and starts: layout coco does not use them"),
        ("row", "objects", "it needs layout coco or coco_zlib"),
        ("prefix", "0 1.0", "it needs row: objects"),
    ],
)
def test_parts_that_do_not_fit_together(field: str, value: Any, fault: str) -> None:
    base = {"dialect": "sennet", field: value}
    with pytest.raises(ValueError, match=fault):
        SubmissionSpec.model_validate(base)
