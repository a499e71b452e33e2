"""Which mask file of a family belongs to which image, and the patterns of both."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from raytrain.data.guess.affixes import without_shared
from raytrain.data.guess.families import Family, Member
from raytrain.data.guess.split_rule import split_as_part

Parts = Literal["one", "object", "class"]
"""What one mask file holds: the whole mask of an image, one object, or one class."""

LEAST = 0.9
"""Smallest share of the mask files that must have an image."""
MOST_CLASSES = 30
NAMED = ("{study}", "{site}", "{part}", "{case}")
"""Parts for folders whose names belong to a sample's name, from the outside in."""
CHANNEL = "_0000"
_NEXT = re.compile(r"[_\-. ]")


@dataclass(frozen=True)
class Paired:
    """A family of images, and the mask files that belong to them."""

    images: Family
    masks: tuple[Family, ...]
    """The families of the mask files: one, or one for each class."""
    of: dict[str, tuple[str, ...]]
    """Image address -> addresses of its masks."""
    pattern: Family | None = None
    """The names of the families of all classes, with `{class}` for the word of the class; None if
    there is one family."""
    parts: Parts = "one"
    classes: tuple[str, ...] = ()
    """The words for the classes, if the files are named after them."""
    by: str = ""
    """What the names of an image and of its masks have in common, in words."""
    image_free: tuple[str, ...] = ()
    image_core: str = "{name}"
    mask_free: tuple[str, ...] = ()
    mask_core: str = "{name}"

    @property
    def image_pattern(self) -> str:
        return self.images.pattern(self.image_free, self.image_core)

    @property
    def image_id(self) -> str | None:
        """The pattern of a sample's name, if it has more parts than the file's name, or if the
        file's name has the word of a split."""
        if split_as_part(self.image_core) != self.image_core:
            return split_as_part(self.image_core)
        parts = [text for text in self.image_free if text in NAMED]
        return "_".join((*parts, "{name}")) if parts else None

    def name(self, member: Member) -> str:
        """Return the name of a sample, as its pattern reads it from the path."""
        parts = [
            folder
            for folder, text in zip(member.free, self.image_free, strict=False)
            if text in NAMED
        ]
        in_core = "{" in self.image_core
        return "_".join((*parts, member.core)) if in_core else member.free[-1]

    @property
    def mask_pattern(self) -> str:
        return (self.pattern or self.masks[0]).pattern(self.mask_free, self.mask_core)


@dataclass(frozen=True)
class _Way:
    """One way to read the names. It gives the key of an image, the key of a mask, and the texts of
    both patterns."""

    by: str
    image_key: Callable[[Member], object]
    mask_key: Callable[[Member], object]
    parts: Parts
    image: tuple[tuple[str, ...], str]
    mask: tuple[tuple[str, ...], str]


def paired(images: Family, masks: Family) -> Paired | None:
    """Return which mask files of the family `masks` belong to which images of the family `images`,
    or None if the masks are not named after the images."""
    images, masks = _aligned(images, masks)
    for way in _ways(images, masks):
        of = _matched(images, masks, way)
        used = sum(map(len, of.values()))
        several = max(map(len, of.values()), default=0) > 1
        if used >= LEAST * len(masks.members) and not (several and way.parts == "one"):
            if way.parts == "object" and (named := _named_alike(images, masks)) is not None:
                return named
            return Paired(
                images, (masks,), of, parts=way.parts, by=way.by, image_free=way.image[0],
                image_core=way.image[1], mask_free=way.mask[0], mask_core=way.mask[1],
            )  # fmt: skip
    return _named_after(images, masks)


def _aligned(images: Family, masks: Family) -> tuple[Family, Family]:
    """Return both families. If the masks' names contain the text around the images' cores, this
    text becomes a part of the cores."""
    if all(each.core.endswith(CHANNEL) for each in images.members):
        images = images.without("", CHANNEL)  # nnU-Net numbers the channels of an image
    if masks.before.endswith(images.before) and masks.after.startswith(images.after):
        before = masks.before[: len(masks.before) - len(images.before)]
        after = masks.after[len(images.after) :]
        return images.keeping("", ""), masks.keeping(before, after)
    return images, masks


def _ways(images: Family, masks: Family) -> list[_Way]:
    free_images, free_masks = images.folders.count(None), masks.folders.count(None)
    ways = []
    if free_images == free_masks:
        texts, core = _free_texts(images), "" if _without_core(images) else "{name}"
        ways.append(
            _Way("equal names", lambda m: (m.free, m.core), lambda m: (m.free, m.core), "one",
                 (texts, core), (texts, core))
        )  # fmt: skip
    one_each = len({member.free for member in images.members}) == len(images.members)
    if free_images and free_images <= free_masks and one_each:
        outer = tuple(["*"] * (free_images - 1))
        own = all(member.free[-1] == member.core for member in images.members)
        other = "" if _without_core(images) else "*"
        ways.append(
            _Way("a folder for each image", lambda m: m.free, lambda m: m.free[:free_images],
                 "object", ((*outer, "{name}"), "{name}" if own else other),
                 ((*outer, "{name}", *["*"] * (free_masks - free_images)), "{object}"))
        )  # fmt: skip
    if len({member.core for member in images.members}) == len(images.members):
        ways.append(
            _Way("equal names", lambda m: m.core, lambda m: m.core, "one",
                 (("*",) * free_images, "{name}"), (("*",) * free_masks, "{name}"))
        )  # fmt: skip
    if free_masks == free_images + 1:
        ways.append(
            _Way("equal names in a folder for each class", lambda m: (m.free, m.core),
                 lambda m: (m.free[:-1], m.core), "class", (_free_texts(images), "{name}"),
                 ((*_free_texts(images), "{class}"), "{name}"))
        )  # fmt: skip
    return ways


def _free_texts(family: Family) -> tuple[str, ...]:
    """Return the pattern's texts for the folders that may have any name: `*` for folders that the
    sample's name does not need."""
    count = family.folders.count(None)
    members = family.members
    named = all(member.free[-1] == member.core for member in members) if count else False
    if named or (count and _without_core(family)):
        return (*["*"] * (count - 1), "{name}")
    for needed in range(count + 1):
        inner = {(member.free[count - needed :], member.core) for member in members}
        if len(inner) == len(members):
            return (*["*"] * (count - needed), *NAMED[len(NAMED) - needed :])
    return ("*",) * count


def _without_core(family: Family) -> bool:
    return not any(member.core for member in family.members)


def _matched(images: Family, masks: Family, way: _Way) -> dict[str, tuple[str, ...]]:
    owner: dict[object, str] = {way.image_key(each): each.address for each in images.members}
    of: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for each in masks.members:
        if (image := owner.get(way.mask_key(each))) is not None:
            of[image] += (each.address,)
    return dict(of)


def _named_after(images: Family, masks: Family) -> Paired | None:
    """Return the pairs if a mask's name is the image's name with an addition."""
    if images.folders.count(None) != masks.folders.count(None):
        return None
    owner = {(each.free, each.core): each.address for each in images.members}
    of: dict[str, tuple[str, ...]] = defaultdict(tuple)
    more: dict[str, list[str]] = defaultdict(list)
    for each in masks.members:
        cuts = [match.start() for match in _NEXT.finditer(each.core)]
        for at in reversed(cuts):
            if image := owner.get((each.free, each.core[:at])):
                of[image] += (each.address,)
                more[image].append(each.core[at:])
                break
    if not of or sum(map(len, of.values())) < LEAST * len(masks.members):
        return None
    rest = Counter(word for words in more.values() for word in words)
    if len({word[0] for word in rest}) != 1:
        return None
    texts, joint = _free_texts(images), _shared([*rest])
    plain = Paired(
        images, (masks,), dict(of), by="names that begin with the image's", image_free=texts,
        mask_free=texts,
    )  # fmt: skip
    if len(rest) == 1:
        return replace(plain, mask_core=f"{{name}}{next(iter(rest))}")
    words = tuple(sorted(word.removeprefix(joint) for word in rest))
    ends = [[word.removeprefix(joint) for word in each] for each in more.values()]
    if _are_classes(words, rest, ends):
        return replace(plain, parts="class", classes=words, mask_core=f"{{name}}{joint}{{class}}")
    return replace(plain, parts="object", mask_core=f"{{name}}{joint}{{object}}")


def _named_alike(images: Family, masks: Family) -> Paired | None:
    """Return the pairs if masks are named after the images, perhaps without the ending that all
    images share. This is surer than a folder for each image, as cities with one image each have."""
    shorter = [each for each in without_shared([images]) if len(each.members) > 1]
    found = (_named_after(each, masks) for each in (images, *shorter[:1]))
    return next((each for each in found if each is not None), None)


def _shared(words: list[str]) -> str:
    """Return the beginning of all words, up to the last joint that they share."""
    shared = os.path.commonprefix(words)  # noqa: RUF071  # character by character
    return shared[: max(match.end() for match in _NEXT.finditer(shared))]


def _are_classes(words: tuple[str, ...], counts: Counter[str], of_each: list[list[str]]) -> bool:
    """Return whether the ends of masks' names are classes, and not numbers of objects."""
    if len(words) > MOST_CLASSES or max(counts.values()) < 2:
        return False
    return not all(word.isdecimal() for word in words) or not all(map(_runs_on, of_each))


def _runs_on(words: list[str]) -> bool:
    """Return whether the masks of an image are numbered without a gap, as objects are."""
    numbers = sorted(map(int, words))
    return numbers[0] in (0, 1) and numbers == [*range(numbers[0], numbers[0] + len(numbers))]
