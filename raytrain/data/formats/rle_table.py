"""Image files and a CSV of run-length encoded masks, as in most Kaggle competitions."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from raytrain.config.formats import RleTableSpec
from raytrain.config.target import Target
from raytrain.data.image_files import find_images, image_words, unlisted_problems
from raytrain.data.index import Found, Index, natural_key
from raytrain.data.labels import class_number, merged
from raytrain.data.patterns import fields_in
from raytrain.data.tables import read_table
from raytrain.rle import read_cell

Runs = dict[str, list[tuple[str, str]]]
"""Image name -> (class word, encoding cell) of each of its rows."""


def index_rle_table(spec: RleTableSpec, splits: object, root: Path) -> Index:
    """Return a sample for each image file that matches `spec.image`, and the problems. Images that
    have rows in the table have masks."""
    problems = image_words(spec, splits)[1]
    if problems:
        return Index([], problems)
    try:
        runs = _runs(root, spec)
    except ValueError as error:
        return Index([], str(error).split("\n"))
    search = find_images(spec, splits, root)
    problems += search.problems
    samples: list[Found] = []
    labeled = {image.name for image in search.images if image.split != "test"}
    for image in search.images:
        name = image.name
        # A test image may share its name with a training image, which then owns the row.
        listed = name in runs and not (image.split == "test" and name in labeled)
        mask = (f"{spec.table}#{name}",) if listed or spec.unlisted == "empty" else ()
        expected = f"{root / spec.table}: a row of {name!r}"
        if spec.unlisted is None:
            expected += ", or competition.format.unlisted: empty"
        said = spec.unlisted is not None and not listed
        samples.append(Found(name, image.split, image.addresses, mask, expected, said, image.parts))
    problems += unlisted_problems(spec, splits, root / spec.table, samples)
    lonely = sorted(runs.keys() - {sample.id for sample in samples}, key=natural_key)
    problems += [
        f"{root / spec.table}: {name!r} has no image; add it, or remove its rows" for name in lonely
    ]
    return Index(samples, problems, search.notes)


def read_rle_mask(
    spec: RleTableSpec, root: Path, parts: tuple[str, ...], size_HW: tuple[int, int],
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW with class numbers, from the rows of an image in the table. Raises ValueError
    that names a row with an unknown class or a faulty mask."""
    (address,) = parts
    name = address.removeprefix(f"{spec.table}#")
    layers: dict[int, np.ndarray] = {0: np.zeros(size_HW, bool)}
    for word, cell in _runs(root, spec).get(name, []):
        try:
            number = class_number(word, classes, spec.class_as) if word else 1
        except ValueError as error:
            if _says_nothing(cell, spec):
                continue  # the class was left out of competition.classes, because no mask shows it
            raise ValueError(f"{root / address}: {error}") from None
        try:
            for mask_HW in read_cell(cell, size_HW, spec):
                layers[number] = layers.get(number, False) | mask_HW
        except ValueError as error:
            raise ValueError(
                f"{root / address}: {error}; correct the row, or the dialect in competition.format"
            ) from None
    named = [(number, layer, f"{root / address}") for number, layer in layers.items()]
    return merged(named, target)


def _runs(root: Path, spec: RleTableSpec) -> Runs:
    path = root / spec.table
    return _runs_of(path, path.stat().st_mtime_ns if path.is_file() else 0, spec)


@lru_cache(maxsize=2)
def _runs_of(path: Path, written: int, spec: RleTableSpec) -> Runs:
    """Read the table. `written` is the time of the file; with it, the cache notices a changed file.
    Raises ValueError that lists the faulty rows."""
    table = read_table(path)
    class_words = table.column(spec.class_column) if spec.class_column else [""] * len(table.rows)
    columns = zip(
        table.column(spec.columns[0]), class_words, table.column(spec.columns[-1]), strict=True
    )
    found: Runs = {}
    said: dict[tuple[str, str], tuple[int, bool]] = {}
    problems = []
    for at, (id, word, cell) in enumerate(columns):
        fields = fields_in(id, spec.id)
        if fields is None:
            problems.append(
                f"{table.where(at)}: id {id!r} does not match {spec.id!r}; correct the row, or "
                "competition.format.id"
            )
        elif spec.class_column and not word.strip() and not _says_nothing(cell, spec):
            problems.append(
                f"{table.where(at)}, column {spec.class_column!r}: the cell is blank; fill it"
            )
        else:
            word, blank = word or fields.get("class", ""), _says_nothing(cell, spec)
            found.setdefault(fields["name"], []).append((word, cell))
            first, other = said.setdefault((fields["name"], word), (at, blank))
            if other != blank:
                problems.append(
                    f"{table.where(at)}: {id!r} {'is empty' if blank else 'has pixels'} here, but "
                    f"not in row {table.numbers[first]}; keep one"
                )
    if problems:
        raise ValueError("\n".join(problems))
    return found


def _says_nothing(cell: str, spec: RleTableSpec) -> bool:
    return cell.strip() in ("", spec.empty)
