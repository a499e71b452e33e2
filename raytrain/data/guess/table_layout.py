"""The layout of images with run-length encoded masks in a table."""

from pathlib import Path

from raytrain.data.guess.families import Family
from raytrain.data.guess.files import split_of
from raytrain.data.guess.found import Found, Layout, named_why, test_family
from raytrain.data.guess.said import Said, Tree
from raytrain.data.guess.split_rule import Patterns, fraction_tree, split_tree, together
from raytrain.data.guess.table_roles import Naming, beginnings, naming
from raytrain.data.tables import read_table
from raytrain.runs.messages import counted


def table_layout(found: Found, path: Path) -> Layout | None:
    """Return the layout of images whose run-length encoded masks are in the table at `path`, or
    None if the table's cells name no image."""
    table = read_table(path)
    cells = {cell for name in table.header for cell in table.column(name) if len(cell) < 300}
    named: list[tuple[Family, Naming]] = []
    for family in found.roles.unlabeled:
        if split_of(family.text) != "test" and (names := naming(family, cells)) is not None:
            named.append((family.keeping("", ""), names))
    if not named:
        return None
    of: dict[str, tuple[Family, Naming]] = {}
    for each, names in named:
        of.setdefault(split_of(each.text) or "train", (each, names))
    if "train" not in of:
        of = {"train": named[0]}
    family, names = of["train"]
    test, questions = test_family(found, family, names.free, names.core)
    patterns = {split: Patterns(own.pattern(each)) for split, (each, own) in of.items()}
    if test is not None:
        test = test.keeping("", "")
        patterns["test"] = Patterns(test.pattern_like(names.free, names.core))
    joined = together(patterns)
    starts = beginnings(cells)
    listed = [name in starts for _, own in of.values() for name in own.names.values()]
    others = listed.count(False)
    format: dict[str, Said | Tree] = {
        "name": Said("rle_table", "masks are run-length encoded in a CSV"),
        "image": Said(joined.image, named_why(listed, "the table")),
    }
    if joined.test_image is not None and test is not None:
        why = f"{counted(len(test.members), 'image')} that the table does not name"
        format["test_image"] = Said(joined.test_image, why)
    if names.image_id is not None:
        format["image_id"] = Said(names.image_id, "the images' names, as the table writes them")
    format["table"] = Said(path.relative_to(found.root).as_posix(), f"{len(table.rows)} rows")
    splits = split_tree(joined, others) if test is not None else fraction_tree(others)
    images = {name: address for _, own in of.values() for address, name in own.names.items()}
    tests = _test_names(found, test, names) if test is not None else {}
    return Layout(
        format, splits, None, tests | images, tests=frozenset(tests) - {*images},
        questions=questions,
    )  # fmt: skip


def _test_names(found: Found, test: Family, train: Naming) -> dict[str, str]:
    """Return name -> address of the test images. The names are those in the sample submission."""
    if found.tables.sample is None or train.image_id is None:
        return {member.core: member.address for member in test.members}
    table = read_table(found.tables.sample)
    own = naming(test, set(table.column(table.header[0])))
    return {name: address for address, name in own.names.items()} if own else {}
