"""The submission, and a table of training masks, for the layout of an unknown folder."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.dialects import Dialect
from raytrain.data.guess.found import Layout
from raytrain.data.guess.meaning import Meaning
from raytrain.data.guess.said import Candidate, Question, Said, Tree
from raytrain.data.guess.table_roles import Tables
from raytrain.data.tables import read_table
from raytrain.rle import decode
from raytrain.rle.guess import Reading, says_no_pixel
from raytrain.submission.inference.block import submission_fields, table_fields, undecided
from raytrain.submission.inference.compared import compared
from raytrain.submission.inference.finding import Sure
from raytrain.submission.inference.images import Images
from raytrain.submission.inference.infer import Inference, Split, infer_with

_LOOKED = 300
_NO_NAMES = "raytrain's own names; write better ones if you like (they change no result)"

SURE: dict[Sure, str] = {
    "decided": "", "likely": "likely: ", "cannot tell": "the files do not tell: "
}  # fmt: skip
"""How sure a finding is -> the words for it in a comment."""


@dataclass(frozen=True)
class LayoutDialect:
    """Parts of the YAML that follow from the sample and the table of training masks."""

    submission: Tree
    format: Tree = field(default_factory=dict)
    """Fields of `format` for a table of masks; empty for other formats."""
    meaning: Meaning | None = None
    """The meaning of the masks in the table; None for other formats."""
    questions: tuple[Question, ...] = ()


def layout_dialect(root: Path, layout: Layout, tables: Tables) -> LayoutDialect:
    """Return the parts of the YAML that follow from the sample submission and the table of training
    masks. Raises ValueError when this table cannot be read."""
    by_table = layout.meaning is None
    found, reason = _inferred(root, layout, tables, by_table)
    if found is None:
        return _without_sample(layout, reason)
    if layout.masks:
        paths = {
            name: tuple(root / address for address in parts) for name, parts in layout.masks.items()
        }
        found = compared(found, paths)
    submission = _said(found, submission_fields(found))
    questions: tuple[Question, ...] = ()
    if tables.sample is None:
        asked = _without_sample(layout, "there is no sample submission").questions
        questions = tuple(replace(each, candidates=each.candidates[:1]) for each in asked)
    else:
        submission["sample"] = _sample(root, tables.sample)
    order = found["order"]
    if order.sure == "cannot tell" and found["layout"].value != "coco":
        questions += (_order_question(found, order.why),)
    if not by_table:
        return LayoutDialect(submission, questions=questions)
    train = found.train or found.sample
    fields = table_fields(found, train)
    fields.pop("table")
    unlisted = _unlisted(layout, tables, train)
    if unlisted is not None:
        fields["unlisted"] = unlisted
    return LayoutDialect(
        submission, _said(found, fields, of_table=True), _meaning(found, train), questions
    )


def _inferred(
    root: Path, layout: Layout, tables: Tables, by_table: bool
) -> tuple[Inference | None, str]:
    """Return the findings and an empty reason, or None and the reason."""
    sample = tables.sample or tables.masks
    if sample is None:
        return None, "there is no sample submission"
    paths = {name: [Path(address)] for name, address in layout.images.items()}
    shown = Images(root, paths) if paths else None
    train = tables.masks if tables.sample is not None else None
    try:
        return infer_with(sample, train, shown), ""
    except ValueError as error:
        if by_table:
            raise
        reason = f"the sample submission cannot be read: {error}"
    if tables.sample is None:
        return None, "there is no sample submission"
    # Mask files are there, so the table may be of something else.
    try:
        return infer_with(sample, None, shown), ""
    except ValueError:
        return None, reason


def _said(
    found: Inference, fields: dict[str, Any], of_table: bool = False
) -> dict[str, Said | Tree]:
    """Return the fields of the YAML, each with its evidence."""
    own = ("columns", "id", "class_column") if of_table else ()
    why = {finding.field: finding for finding in found.findings if finding.field not in own}
    tree: dict[str, Said | Tree] = {}
    for key, value in fields.items():
        plain = [*value] if isinstance(value, tuple) else value
        if key == "dialect":
            notes = [] if of_table else undecided(found)
            words = ["the known dialect that is nearest to the files", *notes]
            tree[key] = Said(plain, "\n".join(words))
        elif key == "unlisted":
            what = "have no object" if value == "empty" else "are the test images"
            tree[key] = Said(plain, f"images without a row in the table {what}")
        elif key in why:
            finding = why[key]
            tree[key] = Said(plain, f"{SURE[finding.sure]}{finding.why}")
        else:
            tree[key] = Said(plain, "as in the training table")
    return tree


def _sample(root: Path, sample: Path) -> Said:
    inside = sample.is_relative_to(root)
    path = sample.relative_to(root).as_posix() if inside else str(sample.absolute())
    return Said(path, "its rows and their order are those of the submission")


def _order_question(found: Inference, why: str) -> Question:
    now = submission_fields(found).get("order", Dialect().order)
    other = "row" if now == "column" else "column"
    words = {"column": "down the columns", "row": "along the rows"}
    return Question(
        "competition.submission.order",
        f"are pixels counted down the columns or along the rows? {why[:1].upper()}{why[1:]}",
        (
            Candidate(f"order: {now}", f"{words[now]}: the usual answer"),
            Candidate(f"order: {other}", words[other]),
        ),
    )


def _without_sample(layout: Layout, reason: str) -> LayoutDialect:
    """Return raytrain's default dialect as the submission, because no sample shows another one."""
    classes = layout.meaning.classes.value if layout.meaning else ()
    tree: dict[str, Said | Tree] = {
        "dialect": Said("cardiac", "raytrain's default, with the columns id and encoding")
    }
    if len(classes) <= 2:
        tree["id"] = Said("{name}", "one row for each image")
    question = Question(
        "competition.submission",
        f"how do masks become the CSV? {reason[:1].upper()}{reason[1:]}",
        (
            Candidate("dialect: cardiac", "`start length` pairs down the columns, from 1 on"),
            Candidate("dialect: NAME", "the name of a known competition whose CSV looks the same"),
            Candidate(
                "sample: sample_submission.csv",
                "if you have one; or run init again with --sample FILE",
            ),
        ),
    )
    return LayoutDialect(tree, questions=(question,))


def _unlisted(layout: Layout, tables: Tables, train: Split) -> str | None:
    """Return what happens to images without a row; None if all labeled images have rows."""
    without = {*layout.images} - {*train.names} - layout.tests
    if not without:
        return None
    if not layout.tests and tables.sample is not None:
        sample = read_table(tables.sample)
        cells = " ".join(sample.column(sample.header[0]))
        if sum(name in cells for name in sorted(without)[:50]) > 0.9 * min(50, len(without)):
            return "unlabelled"
    return "empty"


def _meaning(found: Inference, train: Split) -> Meaning:
    words = found["classes"].value or tuple(dict.fromkeys(filter(None, train.classes)))
    if not words:
        return Meaning(None, Said(["background", "object"], _NO_NAMES))
    if found["class_as"].value == "number":
        last = max(map(int, words))
        names = ["background", *(f"class {number}" for number in range(1, last + 1))]
        classes = Said(names, f"the table numbers its classes {', '.join(words)}; name them")
    else:
        classes = Said(["background", *words], "the classes in the table")
    image = _overlap(found, train)
    target = None
    if image is not None:
        target = Said("multi_label", f"classes overlap: two masks of {image} share pixels")
    return Meaning(None, classes, target)


def _overlap(found: Inference, train: Split) -> str | None:
    """Return an image in which masks of two classes share pixels, or None."""
    if found["layout"].value != "pairs" or found.images is None:
        return None
    reading = Reading(
        order=found["order"].value or "column", first=found["first"].value or 1,
        starts=found["starts"].value or "absolute",
    )  # fmt: skip
    cells = train.table.column(train.table.encoding)
    taken: dict[str, dict[str, np.ndarray]] = {}
    rows = [*zip(train.names, train.classes, cells, strict=True)]
    shown = [row for row in rows if row[0] in found.images.paths and not says_no_pixel(row[2])]
    for name, word, cell in shown[:_LOOKED]:
        size_HW = found.images.size(name)
        assert size_HW is not None
        mask_HW = decode(cell, size_HW, reading)
        layers = taken.setdefault(name, {})
        if any((layer & mask_HW).any() for other, layer in layers.items() if other != word):
            return name
        layers[word] = layers[word] | mask_HW if word in layers else mask_HW
    return None
