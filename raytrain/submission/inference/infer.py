"""Infer the dialect from the files: the ids, the classes, the masks and the order of the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from raytrain.rle.guess import Size
from raytrain.submission.inference.evidence import Told, overlapping
from raytrain.submission.inference.finding import Finding, unknown
from raytrain.submission.inference.ids import Ids, ids_alone, ids_by_names
from raytrain.submission.inference.images import Images, list_images
from raytrain.submission.inference.masks import how_masks_are_written, told_of
from raytrain.submission.inference.rows import class_words, empty_token, row_kind, row_order
from raytrain.submission.inference.tables import Table, open_sample, open_train


@dataclass(frozen=True)
class Split:
    """The rows of a table, with the image's name and the class of each."""

    table: Table
    ids: Ids
    names: list[str]
    """The name of the image in each row."""
    classes: list[str]
    """The class of each row, or "" if the row names no class."""


@dataclass(frozen=True)
class Inference:
    """All findings about a competition's dialect, and what they follow from."""

    sample: Split
    train: Split | None
    train_empty: str | None
    """The text of an empty mask in the training table."""
    images: Images | None
    findings: list[Finding]
    """One finding per field of a dialect, then `classes` and `row order`."""

    def __getitem__(self, field: str) -> Finding:
        return next(finding for finding in self.findings if finding.field == field)


def infer(sample: Path, train: Path | None, images: Path | None) -> Inference:
    """Return the dialect's fields that follow from the sample, the training table, and the names
    and sizes of the images in a folder.

    Raises ValueError for files that cannot be read, that do not have the form of any dialect, or
    that contradict each other.
    """
    return infer_with(sample, train, None if images is None else list_images(images))


def infer_with(sample: Path, train: Path | None, shown: Images | None) -> Inference:
    """Return the dialect's fields, as `infer` does, for images that are already listed."""
    names = set() if shown is None else set(shown.paths)
    table = open_sample(sample)
    split = _taken_apart(table, _sample_ids(table, names), names)
    of_train = None
    if train is not None:
        words = tuple(dict.fromkeys(filter(None, split.classes)))
        train_table = open_train(train, table, words, names)
        of_train = _taken_apart(train_table, _train_ids(train_table, split, names), names)
        _refuse_other_classes(split, of_train)
    if shown is not None:
        _refuse_strange_names(split, of_train, shown)
    empty, train_empty = empty_token(table, of_train.table if of_train else None)
    findings = [
        *_of_header(split, names),
        *_of_masks(split, of_train, shown),
        empty,
        class_words(
            split.classes, "decided" if table.class_column else split.ids.sure, table.path.name
        ),
        row_order(split.names, split.classes, table.path.name),
    ]
    return Inference(split, of_train, train_empty, shown, findings)


def _sample_ids(table: Table, names: set[str]) -> Ids:
    cells = table.column(table.id)
    found = ids_by_names(cells, names) or ids_alone(cells)
    if table.class_column is not None and found.words:
        raise ValueError(
            f"{table.path}: both column {table.class_column!r} and the ids, such as {cells[0]!r}, "
            f"name a class ({', '.join(found.words[:6])}); remove one of the two"
        )
    return found


def _train_ids(table: Table, sample: Split, names: set[str]) -> Ids:
    """Return the rule of the training table's ids: the sample's rule, if all ids match it. If the
    class has a column of its own, it is not a part of the id."""
    cells = table.column(table.id)
    as_sample = [sample.ids.split(cell, names) for cell in cells]
    if table.class_column == sample.table.class_column and all(as_sample):
        known = [pair is not None and pair[0] in names for pair in as_sample]
        if any(known) or not ids_by_names(cells, names):
            return sample.ids
    return ids_by_names(cells, names) or ids_alone(cells)


def _taken_apart(table: Table, ids: Ids, names: set[str]) -> Split:
    parts = []
    for at, id in enumerate(table.column(table.id)):
        pair = ids.split(id, names)
        if pair is None:
            raise ValueError(
                f"{table.where(at)}: id {id!r} does not match {ids.template!r} like the other ids "
                f"({ids.why}); correct the row or remove it"
            )
        parts.append(pair)
    classes = [word for _, word in parts]
    if table.class_column is not None:
        classes = table.column(table.class_column)
    return Split(table, ids, [name for name, _ in parts], classes)


def _refuse_other_classes(sample: Split, train: Split) -> None:
    known, told = set(sample.classes), set(train.classes)
    if known != {""} and told == {""}:
        raise ValueError(
            f"{train.table.path}: has no class, neither in ids such as "
            f"{train.table.column(train.table.id)[0]!r} nor in a column with the classes of "
            f"{sample.table.path} ({', '.join(sorted(known)[:6])}); give the "
            "training table (--train)"
        )
    for at, word in enumerate(train.classes):
        if known != {""} and word not in known:
            raise ValueError(
                f"{train.table.where(at)}: class {word!r} is not in {sample.table.path} "
                f"({', '.join(sorted(known)[:6])}); correct the row or give the right sample"
            )


def _refuse_strange_names(sample: Split, train: Split | None, images: Images) -> None:
    """Raise ValueError when no row is named after an image."""
    splits = [split for split in (sample, train) if split is not None]
    if not any(name in images.paths for split in splits for name in split.names):
        raise ValueError(
            f"{images.folder}: no id contains the name of an image in this folder: row 2 of "
            f"{sample.table.path} has the id {sample.table.column(sample.table.id)[0]!r}, and an "
            f"image is {next(iter(images.paths))!r}; give the folder of the rows' images, or leave "
            "--images out"
        )


def _of_header(split: Split, names: set[str]) -> list[Finding]:
    table, ids = split.table, split.ids
    header = f"the header of {table.path.name}"
    told = f"{table.path.name}: {ids.why}"
    if ids.sure != "decided" and not names & set(split.names):
        told += "; give the folder of these images to decide it (--images)"
    column = "it is between the id and the encoding"
    if table.class_column is None:
        column = "no column between the id and the encoding has a class"
    return [
        Finding("columns", table.header, "decided", header),
        Finding("id", ids.template, ids.sure, told),
        Finding("class_column", table.class_column, "decided", column),
    ]


def _of_masks(sample: Split, train: Split | None, images: Images | None) -> list[Finding]:
    """Return the findings from the encodings of the training table or, without it, of the
    sample."""
    splits = [split for split in (train, sample) if split is not None]
    told: list[Told] = []
    for split in splits:
        told = told or told_of(split.table, split.names, _size_in(images))
    meant, texts = how_masks_are_written(told)
    found = meant.findings
    if not any(finding.field == "row" for finding in found):
        keys = {
            str(split.table.path): [*zip(split.names, split.classes, strict=True)]
            for split in splits
        }
        tables = [split.table for split in splits]
        found = [*found, row_kind(tables, keys, texts, meant.reading)]
    words = [word for word in sample.classes if word]
    class_as = "number" if all(word.isdecimal() for word in words) else "name"
    image = overlapping(texts, meant.reading)
    overlaps = unknown(
        "overlaps", "see the competition's page: may two rows contain the same pixel?"
    )
    if image:
        overlaps = Finding("overlaps", "allowed", "likely", f"masks of image {image!r} overlap")
    as_told = Finding(
        "class_as",
        class_as,
        "decided",
        f"the classes are written as {class_as}s" if words else "no row has a class",
    )
    return [*found, as_told, overlaps]


def _size_in(images: Images | None) -> Callable[[str], Size | None]:
    return images.size if images is not None else lambda name: None
