"""How image and mask patterns, folders and lists divide the images into train, val and test."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.expression import number_in
from raytrain.data.guess.files import GLUED, File, split_of
from raytrain.data.guess.said import Said, Tree

ORDER = ("train", "val", "test")
WORD = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
    r"(?i:train(?:ing)?|trn|tr|val(?:id(?:ation)?)?|vl|dev|test(?:ing)?|ts|eval(?:uation)?)"
    rf"(?=[^a-z]|$|{GLUED})"
)
LARGEST_LIST = 50_000_000
"""Largest number of bytes of a text file that may list names."""


@dataclass(frozen=True)
class Patterns:
    """The patterns of one split. `{split}` can replace a word in them that all of them share."""

    image: str
    mask: str | None = None


@dataclass(frozen=True)
class Together:
    """The patterns of all splits, joined to one."""

    image: str
    mask: str | None
    words: dict[str, str]
    """Split -> the word that replaces `{split}`; empty if the patterns have no `{split}`."""
    test_image: str | None = None


def together(of: Mapping[str, Patterns]) -> Together:
    """Return one pattern for all splits if they differ only in a word, else patterns with
    `test_image`.

    `of` has train, and perhaps val and test. A val split that does not fit is left out.
    """
    every = {split: _with_word(patterns) for split, patterns in of.items()}
    if len(of) > 1 and (joined := _joined(every)) is not None:
        return joined
    labeled = {split: found for split, found in every.items() if split != "test"}
    test = of["test"].image if "test" in of else None
    if len(labeled) > 1 and (joined := _joined(labeled)) is not None:
        return Together(joined.image, joined.mask, joined.words, test)
    return Together(of["train"].image, of["train"].mask, {}, test)


def _joined(every: Mapping[str, tuple[Patterns, str] | None]) -> Together | None:
    if None in every.values():
        return None
    known = {split: found for split, found in every.items() if found is not None}
    images = {found[0].image for found in known.values()}
    masks = {found[0].mask for found in known.values() if found[0].mask is not None}
    words = {split: known[split][1] for split in ORDER if split in known}
    if len(images) != 1 or len(masks) > 1 or len({*words.values()}) != len(words):
        return None
    return Together(images.pop(), masks.pop() if masks else None, words)


def split_as_part(text: str) -> str:
    """Return the text with `{split}` for each word of a split."""
    return WORD.sub("{split}", text)


def _with_word(patterns: Patterns) -> tuple[Patterns, str] | None:
    """Return the patterns with `{split}`, and the word that it replaces; None if they do not differ
    in exactly one word."""
    words = set(WORD.findall(patterns.image))
    in_mask = set(WORD.findall(patterns.mask or ""))
    if len(words) != 1 or (patterns.mask is not None and in_mask != words):
        return None
    (word,) = words
    image = split_as_part(patterns.image)
    mask = None if patterns.mask is None else split_as_part(patterns.mask)
    return Patterns(image, mask), word


def split_tree(found: Together, unlabeled: int) -> Tree | None:
    """Return `competition.splits` for these patterns, with reasons; None if the default gives the
    same splits. `unlabeled` is the number of images that have no mask and match the training
    images' pattern."""
    if not found.words:
        return None if found.test_image is not None else fraction_tree(unlabeled)
    tree: dict[str, Said | Tree] = {}
    for split in ORDER:
        word = found.words.get(split)
        if word is not None and word != split:
            tree[split] = Said(word, f"in the paths of {split} images, {{split}} is this word")
        elif word is None and split == "val":
            tree[split] = Said(None, "no val images; the search validates on the first fold")
        elif word is None and found.test_image is None:
            tree[split] = Said(None, f"no {split} images were found")
    return tree or None


def fraction_tree(unlabeled: int) -> Tree:
    """Return `competition.splits` for images of which only the `unlabeled` ones without a mask are
    test images. There is no val split."""
    why = "images without a mask are test images"
    return {
        "name": Said("fraction", why if unlabeled else f"{why}, but every image has one"),
        "val": Said(0, "no val split; the search validates on the first fold"),
    }


def range_tree(labeled: set[str], names: set[str]) -> Tree | None:
    """Return the splits by the numbers in names, if the numbers of images with and without masks
    are two separate ranges; else None."""
    try:
        train = [number_in(name) for name in labeled]
        test = [number_in(name) for name in names - labeled]
    except ValueError:
        return None
    apart = train and test and (max(train) < min(test) or max(test) < min(train))
    if not apart or len({*train, *test}) < len(names):
        return None
    return {
        "name": Said("ranges", "images with masks have other numbers than images without"),
        "train": Said(f"{min(train)}-{max(train)}", f"{len(train)} images with masks"),
        "test": Said(f"{min(test)}-{max(test)}", f"{len(test)} images without masks"),
    }


def list_tree(root: Path, files: list[File], labeled: set[str], names: set[str]) -> Tree | None:
    """Return `competition.splits` from text files that list the names of each split's images, or
    None if there are no such files. `labeled` are the names of images with masks."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for file in files:
        split = split_of(file.stem)
        if file.suffix == ".txt" and split is not None and split_of("/".join(file.folders)) is None:
            listed = listed_in(root / file.address)
            known = labeled if split != "test" else names
            if listed and len(listed & known) >= 0.9 * len(listed):
                found.setdefault(file.folders, {}).setdefault(split, file.address)
    whole = [lists for lists in found.values() if "train" in lists]
    if not whole:
        return None
    lists = max(whole, key=len)
    tree: dict[str, Said | Tree] = {
        "name": Said("lists", "text files name the images of each split")
    }
    for split in ORDER:
        if split in lists:
            tree[split] = Said(lists[split], f"the names of the {split} images")
    return tree


def listed_in(path: Path) -> set[str]:
    """Return the names, without folder and suffix, in a text file that holds one name, file name or
    path per line. A file that is unreadable, or larger than LARGEST_LIST bytes, has none."""
    if path.stat().st_size > LARGEST_LIST:
        return set()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    words = [line.split()[0] for line in lines if line.strip()]
    return {re.sub(r"\.[A-Za-z]{3,4}$", "", word.rpartition("/")[2]) for word in words}
