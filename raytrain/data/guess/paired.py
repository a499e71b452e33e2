"""The layout of images with mask files."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from raytrain.data.decode import read_stored
from raytrain.data.guess.classmap import class_map
from raytrain.data.guess.families import Family
from raytrain.data.guess.files import split_of
from raytrain.data.guess.found import Found, Layout, test_family
from raytrain.data.guess.layer_folders import layer_question
from raytrain.data.guess.looks import spread
from raytrain.data.guess.meaning import Meaning, meaning
from raytrain.data.guess.pairs import Paired
from raytrain.data.guess.said import Candidate, Question, Said, Tree, no_test, without_masks
from raytrain.data.guess.split_names import by_word
from raytrain.data.guess.split_rule import (
    Patterns,
    Together,
    list_tree,
    range_tree,
    split_as_part,
    split_tree,
    together,
)
from raytrain.data.guess.table_roles import split_table
from raytrain.data.guess.values import seen_in
from raytrain.data.patterns import filled, path_fields
from raytrain.runs.messages import counted

_OVERLAPS = 100
"""Number of images in which the masks of different classes are compared."""


def paired_layout(found: Found) -> Layout | None:
    """Return the layout of a folder with mask files beside its images, or None if no image has a
    mask file."""
    of, questions = _by_split(found)
    if "train" not in of:
        return None
    train = of["train"]
    patterns = {
        split: Patterns(pair.image_pattern, pair.mask_pattern) for split, pair in of.items()
    }
    joined = together(patterns)
    # Masks of test images that are named in another way are not theirs, or not of this kind.
    apart = of.pop("test") if "test" in of and joined.test_image is not None else None
    test = None if apart is None else apart.images
    questions += layer_question(found, train) + _other_masks(found, train, joined)
    images = {pair.name(m): m.address for pair in of.values() for m in pair.images.members}
    masks = {
        pair.name(member): pair.of[member.address]
        for pair in of.values()
        for member in pair.images.members
        if member.address in pair.of
    }
    lists = None
    if "test" not in patterns:
        test, asked = test_family(found, train.images, train.image_free, train.image_core)
        questions += asked
    if test is not None and "test" not in patterns:
        test = _like(test, train)
        patterns["test"] = Patterns(test.pattern_like(train.image_free, train.image_core))
        joined = together(patterns)
    elif len(patterns) == 1:
        images |= _also(found, train)
        lists = _other_splits(found, {*masks}, {*images})
        if lists is None and len(masks) == len(images):
            questions += (no_test(),)
    meant = _meaning(found, of)
    splits = lists or split_tree(joined, len(images) - len(masks))
    tests = {} if test is None else {(apart or train).name(m): m.address for m in test.members}
    lonely = [family.shown for family in found.roles.lonely]
    format = _format(joined, train, (len(masks), len(images), len(tests)), meant, lonely)
    questions += meant.questions
    if lists is None and (joined.words or joined.test_image is not None):
        bare = [len(pair.images.members) - len(pair.of) for at, pair in of.items() if at != "test"]
        more, asked = without_masks(sum(bare))
        format, questions = format | more, questions + asked
    return Layout(
        format, splits, meant, tests | images, tests=frozenset(tests) - {*images},
        questions=questions, target=meant.target, masks=masks,
    )  # fmt: skip


def _also(found: Found, train: Paired) -> dict[str, str]:
    """Return name -> address of the images without masks that the pattern of the training images
    matches, though their folders have names of another kind, such as `test_7`."""
    matched: dict[str, str] = {}
    for family in found.roles.unlabeled:
        for each in family.members:
            if (fields := path_fields(each.address, train.image_pattern)) is not None:
                matched[filled(train.image_id or "{name}", **fields)] = each.address
    return matched


def _other_splits(found: Found, labeled: set[str], names: set[str]) -> Tree | None:
    """Return the splits from lists, a table or numbers; None if there are none."""
    return (
        list_tree(found.root, found.files, labeled, names)
        or split_table(found.root, found.tables, names)
        or range_tree(labeled, names)
    )


def _format(
    joined: Together, train: Paired, counts: tuple[int, int, int], meant: Meaning,
    lonely: list[str],
) -> dict[str, Said | Tree]:  # fmt: skip
    """Return `competition.format`. `counts` are the numbers of labeled images, of all images in
    these folders, and of test images elsewhere; `lonely` are the masks without an image."""
    labeled, named, tests = counts
    also = [f"{each} looks like masks, too, but no image has these names" for each in lonely]
    format: dict[str, Said | Tree] = {
        "image": Said(joined.image, _image_why(labeled, named, joined, tests)),
        "mask": Said(joined.mask, "\n".join([_mask_why(train), *also])),
    }
    if joined.test_image is not None:
        format["test_image"] = Said(joined.test_image, f"{counted(tests, 'image')} without masks")
    if train.image_id is not None:
        why = "the file's name alone is not unique"
        whole = "{split}" in train.image_id
        format["image_id"] = Said(train.image_id, "the file's whole name" if whole else why)
    if meant.labels is not None:
        format["labels"] = meant.labels
    return format


def _image_why(labeled: int, named: int, joined: Together, tests: int) -> str:
    why = f"{counted(labeled, 'image')} with masks"
    if named > labeled:
        why += f" and {named - labeled} without"
    return why if joined.test_image or not tests else f"{why} and {tests} test images"


def _by_split(found: Found) -> tuple[dict[str, Paired], tuple[Question, ...]]:
    """Return, for each split, the largest family of images with its masks; and a question if
    several families could be the training images."""
    of: dict[str, list[Paired]] = defaultdict(list)
    for pair in found.roles.labeled:
        of[split_of(pair.images.text) or split_of(pair.masks[0].text) or "train"].append(pair)
    if "train" not in of and of:
        of = {"train": [pair for pairs in of.values() for pair in pairs]}
    largest = {split: max(pairs, key=lambda pair: len(pair.of)) for split, pairs in of.items()}
    several = of.get("train", [])
    if len(of) == len(several) == 1 and not found.roles.others:
        return by_word(several[0]) or largest, ()
    if len(several) < 2:
        return largest, ()
    candidates = tuple(
        Candidate(f'image: "{pair.image_pattern}", mask: "{pair.mask_pattern}"',
                  counted(len(pair.of), "image") + " with masks")
        for pair in sorted(several, key=lambda pair: -len(pair.of))[:4]
    )  # fmt: skip
    text = "several folders hold images with masks: which are the competition's?"
    return largest, (Question("competition.format.image", text, candidates),)


def _other_masks(found: Found, train: Paired, joined: Together) -> tuple[Question, ...]:
    shown = split_as_part if joined.words else str
    for place, others in found.roles.others.items():
        if found.roles.labeled[place] is train:
            candidates = tuple(
                Candidate(f'mask: "{shown(pair.mask_pattern)}"', counted(len(pair.of), "image"))
                for pair in (train, *others)
            )
            return (Question("competition.format.mask", "which files are the masks?", candidates),)
    return ()


def _like(test: Family, train: Paired) -> Family:
    """Return the family of test images, limited to names that begin and end like those of the
    training images."""
    before, after = train.images.before, train.images.after
    if not test.after and all(member.core.endswith(after) for member in test.members):
        test = test.without("", after)
    fits = test.before.startswith(before) and test.after.endswith(after)
    return test.keeping(before, after) if fits else test


def _mask_why(train: Paired) -> str:
    why = f"matched by {train.by}"
    if train.parts == "object":
        why += "; a file for each object"
    elif train.parts == "one" and any(len(parts) > 1 for parts in train.of.values()):
        why += "; files of one image show objects of one class"
    if train.parts == "class":
        why += f"; a file for each class: {', '.join(train.classes[:8])}"
    return why


def _meaning(found: Found, of: dict[str, Paired]) -> Meaning:
    train = of["train"]
    looks = found.roles.look(train.masks[0])
    files = [
        address for pair in of.values() for addresses in pair.of.values() for address in addresses
    ]
    seen = seen_in(found.root, files, looks)
    meant = meaning(seen, looks.nearly and not looks.flat, class_map(found.root, found.files))
    if train.parts == "one":
        return meant
    threshold = meant.labels is not None and meant.labels.value["name"] == "threshold"
    labels = meant.labels if threshold else None
    if train.parts == "object":
        return Meaning(labels, Said(["background", "object"], "a file holds one object"))
    classes = Said(["background", *train.classes], "a file holds one class")
    target = None
    if overlap := _overlap(found, train):
        target = Said("multi_label", f"classes overlap: two masks of {overlap} share pixels")
    return replace(meant, labels=labels, classes=classes, target=target, questions=())


def _overlap(found: Found, train: Paired) -> str | None:
    """Return an image in which masks of different classes share pixels, or None if none was
    found."""
    for image, parts in spread(train.of.items(), _OVERLAPS):
        total_HW: np.ndarray | None = None
        for address in parts:
            try:
                values = read_stored(found.root / address).values
            except ValueError:
                continue
            layer_HW = (values.max(axis=2) if values.ndim == 3 else values) != 0
            if total_HW is None or total_HW.shape != layer_HW.shape:
                total_HW = np.zeros(layer_HW.shape, bool)
            if (total_HW & layer_HW).any():
                return image
            total_HW |= layer_HW
    return None
