"""The layout of images that annotation files describe."""

from pathlib import PurePosixPath

from raytrain.data.guess.annotated import Annotated, stems
from raytrain.data.guess.families import Family
from raytrain.data.guess.files import PICTURES, split_of, split_of_file
from raytrain.data.guess.found import Found, Layout, named_why, test_family
from raytrain.data.guess.meaning import Meaning
from raytrain.data.guess.said import Said, Tree
from raytrain.data.guess.split_rule import Patterns, list_tree, split_tree, together
from raytrain.runs.messages import counted


def annotated_layout(found: Found, noted: Annotated) -> Layout | None:
    """Return the layout of images that annotation files describe, or None if they name no image."""
    named = stems(noted.images)
    for family in noted.families:
        named |= {member.core for member in _beside_suffix(family.keeping("", "")).members}
    families = [family.keeping("", "") for family in found.roles.unlabeled]
    labeled = [each for each in families if _named(each, named) and split_of(each.text) != "test"]
    if not labeled:
        return None
    of: dict[str, Family] = {}
    for each in labeled:
        of.setdefault(split_of(each.text) or "train", each)
    if "train" not in of:
        of = {"train": labeled[0]}
    test, questions = test_family(found, of["train"], (), "{name}")
    # One file for all images has no word of a split.
    several = not noted.files or any(map(split_of_file, noted.files))
    files = {split: _file(noted, split) for split in of}
    patterns = {
        split: Patterns(each.named, files[split] if several else None) for split, each in of.items()
    }
    if test is not None:
        patterns["test"] = Patterns(test.keeping("", "").named)
    joined = together(patterns)
    used = [each for split, each in of.items() if split in (joined.words or ("train",))]
    listed = [member.core in named for family in used for member in family.members]
    classes = Said(["background", *noted.classes], "the names in the annotations")
    format: dict[str, Said | Tree] = {
        "name": Said(noted.format, "the annotation files are of this kind"),
        "image": Said(joined.image, named_why(listed, "the annotations")),
        "file": Said(
            joined.mask or files["train"],
            f"its objects have {counted(len(noted.classes), 'class')}",
        ),
        **_names(noted),
        "overlaps": Said("last", "where classes overlap, the later object counts; or `refused`"),
        "unlisted": Said("empty", "an image without annotation has no object; or `unlabelled`"),
    }
    if joined.test_image is not None:
        format["test_image"] = Said(joined.test_image, "images without annotations")
    images = {each.core: each.address for family in labeled for each in family.members}
    if test is not None:
        images |= {each.core: each.address for each in test.keeping("", "").members}
    lists = list_tree(found.root, found.files, {*images}, {*images}) if len(patterns) == 1 else None
    splits = lists or split_tree(joined, 0)
    return Layout(format, splits, Meaning(None, classes), images, questions=questions)


def _names(noted: Annotated) -> dict[str, Said]:
    if not noted.names:
        return {}
    return {"names": Said([*noted.names], "the classes by their numbers in the files")}


def _named(family: Family, names: set[str]) -> bool:
    return sum(each.core in names for each in family.members) >= 0.3 * len(family.members)


def _file(noted: Annotated, split: str) -> str:
    if noted.families:
        fits = [family for family in noted.families if split_of(family.text) == split]
        return _beside_suffix((fits or [*noted.families])[0].keeping("", "")).named
    fitting = [file for file in noted.files if split_of_file(file) == split]
    return (fitting or [*noted.files])[0].address


def _beside_suffix(family: Family) -> Family:
    """Return the family with the image's suffix outside the core: `a.png.json` belongs to the image
    `a.png`."""
    ends = {PurePosixPath(member.core).suffix for member in family.members}
    end = ends.pop() if len(ends) == 1 else ""
    return family.without("", end) if end.lower() in PICTURES else family
