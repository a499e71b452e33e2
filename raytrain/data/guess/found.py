"""What a folder holds, and the layout that follows from it."""

from dataclasses import dataclass, field
from pathlib import Path

from raytrain.config.patterns import parts_of
from raytrain.data.guess.families import Family
from raytrain.data.guess.files import NO_TEST, File, split_of, words_of
from raytrain.data.guess.looks import spread
from raytrain.data.guess.meaning import Meaning
from raytrain.data.guess.roles import Roles
from raytrain.data.guess.said import Candidate, Question, Said, Tree
from raytrain.data.guess.split_rule import Patterns, together
from raytrain.data.guess.table_roles import PROBED, Tables, begins_with
from raytrain.data.tables import read_table
from raytrain.runs.messages import counted


@dataclass(frozen=True)
class Found:
    """Everything from which a layout is inferred."""

    root: Path
    files: list[File]
    roles: Roles
    tables: Tables


@dataclass(frozen=True)
class Layout:
    """Parts of the YAML under `competition`, and the evidence for them."""

    format: Tree
    splits: Tree | None
    meaning: Meaning | None
    """What masks mean; None for a table of masks, whose meaning the dialect's inference finds."""
    images: dict[str, str]
    """Name of an image -> its address; empty for stacks."""
    tests: frozenset[str] = frozenset()
    """Names of the images in the folders of test images."""
    questions: tuple[Question, ...] = ()
    target: Said | None = None
    masks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of an image -> addresses of its mask files, which can be compared with a table."""


def test_family(
    found: Found, beside: Family, free: tuple[str, ...], core: str
) -> tuple[Family | None, tuple[Question, ...]]:
    """Return the family (files named alike) of images without masks that most likely holds the test
    images that belong to the training images `beside`, and a question if this is not certain.

    `free` and `core` are the texts of the training images' pattern. Test images have all parts of
    it, such as {case}.
    """
    parts = {*parts_of(beside.pattern_like(free, core))}
    look = found.roles.look(beside)
    alike = [
        family
        for family in found.roles.unlabeled
        if found.roles.look(family).first.channels == look.first.channels
        and not NO_TEST & {*words_of(family.text)}
        and {*parts_of(family.pattern_like(free, core))} == parts
        and {member.address for member in family.members}.isdisjoint(
            member.address for member in beside.members
        )
    ]
    named = [family for family in alike if split_of(family.text) == "test"]
    if named:
        return max(named, key=lambda family: _fit(found, beside, family)), ()
    others = [family for family in alike if split_of(family.text) is None]
    if not others:
        return None, ()
    question = Question(
        "competition.format.test_image", "which images are the test images?",
        tuple(
            Candidate(f'test_image: "{family.named}"', f"{len(family.members)} without masks")
            for family in others[:4]
        ),
    )  # fmt: skip
    return others[0], (question,)


def named_why(listed: list[bool], by: str) -> str:
    """Return, as text, how many images are named by `by`, such as the annotations; `listed` says it
    of each image."""
    others = f" and {counted(listed.count(False), 'other')}" if False in listed else ""
    return f"{counted(listed.count(True), 'image')} named in {by}{others}"


def _fit(found: Found, beside: Family, test: Family) -> tuple[float, ...]:
    """Return how well a family of test images fits the sample submission and the training
    images."""
    names = {member.core for member in test.keeping("", "").members}
    in_sample = 0
    if found.tables.sample is not None:
        table = read_table(found.tables.sample)
        cells = spread(table.column(table.header[0]), PROBED)
        in_sample = sum(begins_with(cell, names) for cell in cells)
    parallel = together({"train": Patterns(beside.named), "test": Patterns(test.named)})
    return in_sample, parallel.test_image is None, len(test.members)
