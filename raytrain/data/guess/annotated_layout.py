"""The layout of images that annotation files describe."""

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from raytrain.data.guess.annotated import Annotated, stems
from raytrain.data.guess.data_yaml import DataYaml, data_yaml
from raytrain.data.guess.families import Family, Member
from raytrain.data.guess.files import PICTURES, as_file, split_of, split_of_file
from raytrain.data.guess.found import Found, Layout, named_why, test_family
from raytrain.data.guess.meaning import Meaning
from raytrain.data.guess.said import Question, Said, Tree
from raytrain.data.guess.split_rule import (
    Patterns,
    Together,
    list_tree,
    split_tree,
    together,
)
from raytrain.data.patterns import filled
from raytrain.runs.messages import counted


@dataclass(frozen=True)
class _Joined:
    """The patterns of all splits, and the images that they match."""

    patterns: Together
    used: tuple[Member, ...]
    """The images of train and val."""
    test: tuple[Member, ...]
    """The test images."""
    questions: tuple[Question, ...]


def annotated_layout(found: Found, noted: Annotated) -> Layout | None:
    """Return the layout of images that annotation files describe, or None if they name no image."""
    named = stems(noted.images)
    for family in noted.families:
        named |= {member.core for member in _beside_suffix(family.keeping("", "")).members}
    families = [family.keeping("", "") for family in found.roles.unlabeled]
    labeled = [each for each in families if _named(each, named) and split_of(each.text) != "test"]
    if not labeled:
        return None
    written = data_yaml(found.root, found.files) if noted.format == "yolo" else None
    joined = (written and _as_written(found, written, families)) or _by_words(found, noted, labeled)
    listed = [member.core in named for member in joined.used]
    classes = Said(["background", *noted.classes], "the names in the annotations")
    patterns = joined.patterns
    used = {
        filled(patterns.mask or "", split=word) for word in (patterns.words or {"": ""}).values()
    }
    unused = [file.address for file in noted.files if file.address not in used]
    format: dict[str, Said | Tree] = {
        "name": Said(noted.format, "the annotation files are of this kind"),
        "image": Said(patterns.image, named_why(listed, "the annotations")),
        "file": Said(
            patterns.mask, f"its objects have {counted(len(noted.classes), 'class')}"
        ),
        **_names(noted),
        "overlaps": Said("last", "where classes overlap, the later object counts; or `refused`"),
        "unlisted": _unlisted(unused),
    }  # fmt: skip
    if patterns.test_image is not None:
        format["test_image"] = Said(patterns.test_image, "images without annotations")
    images = {each.core: each.address for each in (*joined.used, *joined.test)}
    lists = None
    if not patterns.words:
        own = {each.core for each in joined.used}
        lists = written and written.list_tree(found.root, own)
        lists = lists or list_tree(found.root, found.files, own, own)
    splits = lists or split_tree(patterns, 0)
    return Layout(
        format, splits, Meaning(None, classes), images, questions=joined.questions
    )  # fmt: skip


def _as_written(found: Found, written: DataYaml, families: list[Family]) -> _Joined | None:
    """Return the splits by the folders of `data.yaml`; None if it has none."""
    patterns = written.together(found.files) if written.folders else None
    if patterns is None:
        return None
    of: dict[tuple[str, ...], list[Member]] = defaultdict(list)
    for family in families:
        for each in family.members:
            of[as_file(each.address).folders].append(each)
    used = [each for split in ("train", "val") for each in of[written.folders.get(split, ())]]
    test = tuple(of[written.folders.get("test", ())])
    if "test" in written.folders:
        return _Joined(patterns, tuple(used), test, ())
    train = next(family for family in families if {*family.members} & {*used})
    other, questions = test_family(found, train, (), "{name}")
    if other is None or {each.address for each in other.members} & {each.address for each in used}:
        return _Joined(patterns, tuple(used), (), ())
    other = other.keeping("", "")
    patterns = replace(patterns, test_image=other.named)
    return _Joined(patterns, tuple(used), other.members, questions)


def _by_words(found: Found, noted: Annotated, labeled: list[Family]) -> _Joined:
    """Return the splits by the words in the names of folders and files."""
    of: dict[str, Family] = {}
    for each in labeled:
        of.setdefault(split_of(each.text) or "train", each)
    if "train" not in of:
        of = {"train": labeled[0]}
    test, questions = test_family(found, of["train"], (), "{name}")
    if len(of) == 1 and (by_file := _by_file(found, noted, test is None)) is not None:
        other = None if test is None else test.keeping("", "")
        joined = Together(
            of["train"].named, by_file.image, by_file.words, None if other is None else other.named
        )
        return _Joined(joined, of["train"].members, other.members if other else (), questions)
    # One file for all images has no word of a split.
    several = not noted.files or any(map(split_of_file, noted.files))
    files = {split: _file(noted, split) for split in of}
    patterns = {
        split: Patterns(each.named, files[split] if several else None) for split, each in of.items()
    }
    if test is not None:
        patterns["test"] = Patterns(test.keeping("", "").named)
    joined = together(patterns)
    joined = replace(joined, mask=joined.mask or files["train"])
    used = [each for split, each in of.items() if split in (joined.words or ("train",))]
    return _Joined(
        joined, tuple(member for family in used for member in family.members),
        () if test is None else test.keeping("", "").members, questions,
    )  # fmt: skip


def _by_file(found: Found, noted: Annotated, tested: bool) -> Together | None:
    """Return the pattern of annotation files that list the images of one split each and have its
    word in their names, and these words; None if the files are not named so. `tested` says whether
    one of them may list the test images."""
    tests = (file for file in found.files if file.suffix == ".json" and tested)
    of: dict[str, Patterns] = {}
    for file in (*noted.files, *(each for each in tests if split_of(each.stem) == "test")):
        of.setdefault(split_of(file.stem) or "train", Patterns(file.address))
    joined = together(of) if "train" in of else None
    return joined if joined is not None and len(joined.words) > 1 else None


def _unlisted(unused: list[str]) -> Said:
    if unused:
        return Said("unlabelled", f"images of {', '.join(unused[:3])} are not used; or `empty`")
    return Said("empty", "an image without annotation has no object; or `unlabelled`")


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
