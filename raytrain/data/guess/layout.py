"""The layout of an unknown folder: where images, masks and test images are."""

from collections import Counter
from pathlib import Path

import numpy as np

from raytrain.config.codes import CodedError
from raytrain.data.guess.affixes import without_shared
from raytrain.data.guess.annotated import annotated
from raytrain.data.guess.annotated_layout import annotated_layout
from raytrain.data.guess.channels import united
from raytrain.data.guess.classmap import class_map
from raytrain.data.guess.families import families
from raytrain.data.guess.files import PICTURES, File, listed
from raytrain.data.guess.found import Found, Layout
from raytrain.data.guess.looks import spread
from raytrain.data.guess.meaning import meaning
from raytrain.data.guess.paired import paired_layout
from raytrain.data.guess.roles import Roles, roles, siblings
from raytrain.data.guess.said import Said, Tree
from raytrain.data.guess.split_rule import split_tree
from raytrain.data.guess.stacks import (
    Channels,
    Stack,
    StackLayout,
    planes_of,
    stack_layout,
    stacks_in,
)
from raytrain.data.guess.suffixes import any_suffix
from raytrain.data.guess.table_layout import table_layout
from raytrain.data.guess.table_roles import Tables, tables_in
from raytrain.data.guess.values import Seen, count_values
from raytrain.data.guess.yolo import boxes, yolo
from raytrain.runs.messages import counted

_STACK_PLANES = 300
BY_HAND = (
    "Write the YAML by hand: `raytrain schema` prints the keys of competition.format, and "
    "docs/layouts.md in raytrain's repository shows each layout"
)


def layout_of(root: Path, sample: Path | None) -> tuple[Layout, Tables]:
    """Return where an unknown folder has images, masks and test images, and its CSV tables.
    `sample` is the path of the sample submission, if it is known. If no masks are found, raises
    ValueError with a list of the files that were seen."""
    files = listed(root)
    tables = tables_in(root, files, sample)
    stacks = stacks_in(root, files)
    several = {stack.file.address for stack in stacks}
    single = [file for file in files if file.suffix in PICTURES]
    pictures = [file for file in single if file.address not in several]
    layout = None
    if (one_each := united(pictures)) is not None:
        layout = _layout(root, files, one_each.files, tables, stacks)
        layout = layout and one_each.layout(layout)
    layout = layout or _layout(root, files, pictures, tables, stacks)
    if layout is None:
        alike = any_suffix(root, without_shared(families(pictures)), files)
        layout = paired_layout(Found(root, files, roles(root, alike), tables))
    if layout is None:
        raise CodedError("data", _nothing(root, files, pictures))
    return layout, tables


def _layout(
    root: Path, files: list[File], pictures: list[File], tables: Tables, stacks: list[Stack]
) -> Layout | None:
    """Return the layout of a folder whose images and masks are among `pictures` or `stacks`, or
    None if no masks are found."""
    found = Found(root, files, _roles(root, files, pictures), tables)
    layout = paired_layout(found)
    if layout is not None and found.roles.lonely:
        shorter = roles(root, any_suffix(root, without_shared(families(pictures)), files))
        if len(shorter.lonely) < len(found.roles.lonely):
            layout = paired_layout(Found(root, files, shorter, tables)) or layout
    if layout is None and (stacked := stack_layout(stacks)) is not None:
        layout = _stacked(found, stacked)
    if layout is None and (noted := annotated(root, files) or yolo(root, files)) is not None:
        layout = annotated_layout(found, noted)
    if layout is None and tables.masks is not None:
        layout = table_layout(found, tables.masks)
    return layout


def _roles(root: Path, files: list[File], pictures: list[File]) -> Roles:
    found = roles(root, any_suffix(root, families(pictures), files))
    names = siblings(found.labeled)
    return roles(root, any_suffix(root, families(pictures, names), files)) if names else found


def _nothing(root: Path, files: list[File], pictures: list[File]) -> str:
    seen = [f"{counted(len(each.members), 'image')} {each.shown}" for each in families(pictures)]
    others = Counter(file.suffix or "no suffix" for file in files if file not in pictures)
    seen += [f"{counted(count, 'file')} with {suffix}" for suffix, count in others.most_common(5)]
    what = "\n  ".join(seen[:12]) or "no file at all"
    if (found := boxes(root, files)) is not None:
        what += f"\n{found} holds boxes alone, which are no masks; export outlines instead"
    return (
        f"{root}: found no masks: no mask files beside the images, no table of run-length encoded "
        f"masks and no annotation file. raytrain saw:\n  {what}\n{BY_HAND}"
    )


def _stacked(found: Found, layout: StackLayout) -> Layout:
    seen, each = Seen(), Channels()
    for stack in layout.masks:
        plane = planes_of(found.root, stack)
        for place in spread(range(stack.shape[0]), _STACK_PLANES):
            mask = np.asarray(plane(place))
            count_values(seen, mask)
            each.count(mask)
    seen.layers = seen.layers or each.classes
    meant = each.said(meaning(seen, False, class_map(found.root, found.files)))
    patterns = layout.patterns
    format: dict[str, Said | Tree] = {
        "name": Said("numpy_stacks", "files that hold many images each"),
        "images": Said(
            patterns.image, f"an array of {'x'.join(map(str, layout.images.shape))} values"
        ),
        "masks": Said(patterns.mask, "an array of masks of the same size"),
    }
    if meant.labels is not None:
        format["labels"] = meant.labels
    splits = split_tree(patterns, 0)
    return Layout(format, splits, meant, {}, questions=meant.questions, target=meant.target)
