"""Assign each found sample to its split and group."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from raytrain.config.expression import number_in, parse_expression, parse_ranges, without_number
from raytrain.config.fault import Fault
from raytrain.config.patterns import PART, parts_of
from raytrain.config.splits import (
    EndsGroupSpec,
    ExpressionGroupSpec,
    FractionSplitsSpec,
    GroupSpec,
    ListSplitsSpec,
    OwnGroupSpec,
    PatternGroupSpec,
    RangeSplitsSpec,
    SplitsSpec,
    StemGroupSpec,
    TableGroupSpec,
    TableSplitsSpec,
)
from raytrain.data.index import SPLITS, Found, Index, Split, composed
from raytrain.data.patterns import fields_in
from raytrain.data.split_lists import by_lists
from raytrain.data.tables import read_table


def with_splits(
    index: Index, splits: SplitsSpec, root: Path, groups: dict[str, str]
) -> tuple[list[Found], list[str], tuple[str, ...]]:
    """Return the samples with their splits, in the order of the splits; the problems; and the
    notes.

    `groups` maps each sample's id to its group, which only fractions use.
    """
    samples, problems, notes = _assigned(index.samples, splits, root, groups)
    samples = [replace(s, mask=()) if s.unlisted and s.split == "test" else s for s in samples]
    samples = [s for s in samples if s.mask or s.split == "test" or not s.unlisted]
    asked = [split for split in SPLITS if getattr(splits, split, None) is not None]
    if isinstance(splits, RangeSplitsSpec):
        for split in asked:
            if not any(sample.split == split for sample in samples):
                problems.append(
                    f"competition.splits.{split}: no image has a number in this range; correct it"
                )
    for sample in samples:
        if sample.split != "test" and not sample.mask:
            problems.append(
                Fault(root / sample.image[0], f"its mask is missing; expected {sample.expected}")
            )
    owner: dict[str, Found] = {}
    for sample in samples:
        first = owner.setdefault(sample.id, sample)
        if first is not sample:
            problems.append(
                Fault(
                    root / sample.image[0],
                    f"the name {sample.id!r} is also in {first.split}; rename one",
                )
            )
    return [s for split in SPLITS for s in samples if s.split == split], problems, notes


def _assigned(
    samples: list[Found], splits: SplitsSpec, root: Path, groups: dict[str, str]
) -> tuple[list[Found], list[str], tuple[str, ...]]:
    """Return the samples with their splits, the problems and the notes."""
    fixed = [sample for sample in samples if sample.split is not None]
    free = [sample for sample in samples if sample.split is None]
    notes: tuple[str, ...] = ()
    match splits:
        case RangeSplitsSpec():
            found, problems = _by_number(free, splits, root)
        case TableSplitsSpec():
            found, problems = _by_table(free, splits, root)
        case ListSplitsSpec():
            found, problems, notes = by_lists(free, splits, root)
        case FractionSplitsSpec():
            found, problems = _by_fraction(free, splits, groups, bool(fixed)), []
        case _:
            return samples, [], ()
    return [*found, *fixed], problems, notes


def _by_number(
    samples: list[Found], spec: RangeSplitsSpec, root: Path
) -> tuple[list[Found], list[str]]:
    ranges = {split: parse_ranges(text) for split in SPLITS if (text := getattr(spec, split))}
    found, problems = [], []
    for sample in samples:
        try:
            number = number_in(sample.id)
        except ValueError as error:
            problems.append(f"{root / sample.image[0]}: {error} (competition.splits)")
            continue
        fits = [split for split, parts in ranges.items() if any(number in part for part in parts)]
        if len(fits) != 1:
            which = f"the ranges of {' and '.join(fits)}" if fits else "no range"
            problems.append(
                f"{root / sample.image[0]}: the number {number} of its name is in {which}; correct "
                "the ranges (competition.splits)"
            )
            continue
        found.append(replace(sample, split=fits[0]))
    return found, problems


def _by_table(
    samples: list[Found], spec: TableSplitsSpec, root: Path
) -> tuple[list[Found], list[str]]:
    path = root / spec.file
    try:
        table = read_table(path)
        words, problems = table.mapping(spec.id, spec.split, SPLITS)
    except ValueError as error:
        return [], [f"{line} (competition.splits)" for line in str(error).split("\n")]
    split = cast(dict[str, Split], words)
    listed = {*split, *map(composed, table.column(spec.id))}
    problems = [f"{problem} (competition.splits)" for problem in problems] + [
        f"{path}: has no row for {sample.name!r} ({root / sample.image[0]}); add one"
        for sample in samples
        if sample.name not in listed
    ]
    return [replace(s, split=split[s.name]) for s in samples if s.name in split], problems


def _by_fraction(
    samples: list[Found], spec: FractionSplitsSpec, groups: dict[str, str], elsewhere: bool
) -> list[Found]:
    """Return the samples with their splits: a share of the groups is val. Images without a mask are
    test images, unless the test images are elsewhere."""
    labeled = [sample for sample in samples if sample.mask]
    of_each = [groups[sample.id] for sample in labeled]
    val: set[str] = set()
    if spec.val and len(set(of_each)) > 1:
        splitter = GroupShuffleSplit(1, test_size=spec.val, random_state=spec.seed)
        _, held = next(splitter.split(np.zeros(len(labeled)), groups=of_each))
        val = {labeled[i].id for i in held}
    return [
        replace(s, split="val" if s.id in val else "train" if s.mask or elsewhere else "test")
        for s in samples
    ]


def group_function(spec: GroupSpec, root: Path) -> Callable[[str, Mapping[str, str]], str]:
    """Return a function from a sample's name, and the parts of its path, to its group. The function
    raises ValueError for a name without a group.

    Raises ValueError for a table that cannot be read.
    """
    match spec:
        case OwnGroupSpec():
            return lambda id, parts: id
        case StemGroupSpec():
            return lambda id, parts: without_number(id)
        case ExpressionGroupSpec():
            value_of = parse_expression(spec.value)
            return lambda id, parts: str(value_of(id))
        case EndsGroupSpec():
            return lambda id, parts: _sequence(id, spec)
        case TableGroupSpec():
            table = read_table(root / spec.file)
            groups, problems = table.mapping(spec.id, spec.group)
            if problems:
                raise ValueError("\n".join(problems))
            return lambda id, parts: _looked_up(id, groups, root / spec.file)
        case PatternGroupSpec():
            return lambda id, parts: _text_of_parts(id, parts, spec.value)


def group_text(spec: GroupSpec) -> str:
    """Return the rule of `competition.group` in a few words, for messages."""
    match spec:
        case OwnGroupSpec():
            return "each image is its own group"
        case StemGroupSpec():
            return "the name without its number"
        case ExpressionGroupSpec() | PatternGroupSpec():
            return spec.value
        case EndsGroupSpec():
            return f"{len(spec.ends)} sequences"
        case TableGroupSpec():
            return f"{spec.group} of {spec.file}"


def _sequence(id: str, spec: EndsGroupSpec) -> str:
    place = int(np.searchsorted(spec.ends, number_in(id)))
    if place == len(spec.ends):
        raise ValueError(f"{id!r} comes after the last end, {spec.ends[-1]}; add one to `ends`")
    return str(spec.ends[place])


def _text_of_parts(name: str, parts: Mapping[str, str], pattern: str) -> str:
    words = parts_of(pattern)
    found = dict(parts)
    if not set(words) <= set(parts):
        if not PART.sub("", pattern):
            raise ValueError(
                f"{pattern!r} is the whole name {name!r}; write the text around "
                f"the part, such as '{pattern}_*', or the part into competition.format.image"
            )
        found = {**(fields_in(name, pattern) or {}), **parts}
    if not set(words) <= set(found):
        raise ValueError(
            f"the name {name!r} does not match {pattern!r}; rename the file, or correct the pattern"
        )
    return "_".join(found[word] for word in words)


def _looked_up(id: str, groups: dict[str, str], path: Path) -> str:
    if id not in groups:
        raise ValueError(f"{path} has no row for {id!r}; add one")
    return groups[id]
