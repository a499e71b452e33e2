"""Which families are images, which are the masks of these images, and which are images without
masks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.patterns import PART
from raytrain.data.guess.families import Family
from raytrain.data.guess.files import names_images, names_masks, split_of, words_of
from raytrain.data.guess.layers import (
    SAME,
    SAME_NUMBERED,
    by_class,
    each_alone,
    same_everywhere,
    show_the_same,
)
from raytrain.data.guess.looks import Looks, looks_of
from raytrain.data.guess.numbered import by_number
from raytrain.data.guess.pairs import Paired, paired

_POORER = {
    "object", "objects", "instance", "instances", "edge", "edges", "contour", "contours", "overlay",
    "overlays", "vis", "viz", "visualization", "color", "colors", "colored", "preview", "boundary",
    "raw", "weight", "weights", "depth",
}  # fmt: skip
"""Words in the names of files that are made from masks, or are masks of something else."""

VOC_CLASSES, VOC_OBJECTS = "SegmentationClass", "SegmentationObject"
"""Folders of Pascal VOC: masks of classes, and the same masks with a color for each object."""


@dataclass(frozen=True)
class Roles:
    """The families of a folder, by role."""

    labeled: tuple[Paired, ...]
    others: dict[int, tuple[Paired, ...]]
    """Index into `labeled` -> other families that could be the masks of the same images."""
    unlabeled: tuple[Family, ...]
    """Families of images that have no masks."""
    lonely: tuple[Family, ...]
    """Families that look like masks and are named so, but have no images."""
    looks: dict[str, Looks]
    """Pattern of a family -> what its files look like."""

    def look(self, family: Family) -> Looks:
        return self.looks[_key(family)]


def roles(root: Path, families: list[Family]) -> Roles:
    """Return which families (files named alike) are images, which are their masks, and which are
    images without masks. Content and names decide."""
    looks = {
        _key(family): look for family in families if (look := looks_of(root, family)) is not None
    }
    known = [family for family in families if _key(family) in looks]
    pictures = {(each.folders, each.before) for each in known if not looks[_key(each)].flat}
    masks = [each for each in known if _may_be_masks(each, looks[_key(each)], pictures)]
    of_image: dict[str, list[Paired]] = defaultdict(list)
    taken = set()
    for family in masks:
        images = [each for each in known if _may_be_images(each, family, looks)]
        found = [(each, pair) for each in images if (pair := paired(each, family)) is not None]
        if found:
            best, pair = max(found, key=lambda item: _closeness(item[0], family, item[1]))
            of_image[_key(best)].append(pair)
            taken.add(_key(family))
    labeled: list[Paired] = []
    others: dict[int, tuple[Paired, ...]] = {}
    for family in known:
        pairs = of_image.get(_key(family), [])
        if not pairs or _key(family) in taken:
            continue
        chosen, rest = _chosen(root, pairs, looks)
        if rest:
            others[len(labeled)] = tuple(rest)
        labeled.append(chosen)
    unlabeled = tuple(
        family
        for family in known
        if _key(family) not in taken
        and _key(family) not in of_image
        and (not labeled or not looks[_key(family)].flat or split_of(family.text) == "test")
        and not names_masks(family.text)
    )
    lonely = tuple(
        family for family in masks if _key(family) not in taken and names_masks(family.text)
    )
    return Roles(tuple(labeled), others, unlabeled, lonely, looks)


def siblings(labeled: Sequence[Paired]) -> frozenset[str]:
    """Return the names of folders beside each other, such as `benign` and `malignant`, whose images
    and masks are named alike; no two images may have the same name."""
    alike: dict[object, list[tuple[Paired, str | None]]] = defaultdict(list)
    for pair in labeled:
        family, mask = pair.images, pair.masks[0]
        for place, name in enumerate(family.folders):
            around = (*family.folders[:place], "", *family.folders[place + 1 :])
            named = (family.before, family.after, family.suffix, mask.before, mask.after)
            if name is None or not (split_of(name) or names_images(name) or names_masks(name)):
                alike[around, named].append((pair, name))
    found: set[str] = set()
    for several in alike.values():
        cores = [member.core for pair, _ in several for member in pair.images.members]
        if len(several) > 1 and len({*cores}) == len(cores):
            found |= {name for _, name in several if name is not None}
    return frozenset(found)


def _key(family: Family) -> str:
    """Return the first address of the family in alphabetical order. It identifies the family, also
    after `keeping` or `without` has changed its core."""
    return min(member.address for member in family.members)


def _may_be_masks(
    family: Family, looks: Looks, pictures: set[tuple[tuple[str | None, ...], str]]
) -> bool:  # fmt: skip
    """Return whether a family may contain masks. `pictures` has the folders, and the beginnings of
    names, of files that look like images. Their folder, such as `images`, may contain masks, too,
    whose names may begin in the same way, such as `Image_`."""
    shared = (family.folders, family.before) in pictures
    beside = any(folders == family.folders for folders, _ in pictures)
    text = f"{'' if shared else family.before} {family.after}" if beside else family.text
    if names_images(text) and not names_masks(family.text):
        return False
    if names_masks(family.text):
        return looks.nearly or looks.first.palette
    return looks.flat and not looks.first.lossy


def _may_be_images(family: Family, masks: Family, looks: dict[str, Looks]) -> bool:
    """Return whether a family may contain the images that belong to these masks."""
    if _key(family) == _key(masks) or (names_masks(family.text) and not names_images(family.text)):
        return False
    one, other = split_of(family.text), split_of(masks.text)
    if one and other and one != other:
        return False
    look = looks[_key(family)]
    return not look.flat or names_images(family.text)


def _closeness(images: Family, masks: Family, pair: Paired) -> tuple[float, ...]:
    """Return how well images fit masks: by split, by the share of images with a mask, by common
    folders."""
    common = 0
    for one, other in zip(images.folders, masks.folders, strict=False):
        if one != other:
            break
        common += 1
    same = split_of(images.text) == split_of(masks.text)
    share = len(pair.of) / len(images.members)
    return (same, names_images(images.text), share, common, -len(images.text))


def _chosen(
    root: Path, pairs: list[Paired], looks: dict[str, Looks]
) -> tuple[Paired, list[Paired]]:
    """Return the most likely masks of some images, and the other candidates."""
    if len(pairs) == 1:
        joined: Paired | None = pairs[0]
        pairs = each_alone(pairs[0])
    else:
        layers = all(_may_be_layer(pair, looks[_key(pair.masks[0])]) for pair in pairs)
        joined = (by_number(pairs) or by_class(pairs)) if layers else None
    if joined is not None:
        least = SAME if joined.parts == "class" else SAME_NUMBERED
        if not show_the_same(root, pairs, least):
            return joined, []

    def rank(pair: Paired) -> tuple[float, ...]:
        text = PART.sub("", pair.mask_pattern)
        poorer = _POORER & {*words_of(text)}
        return (
            not poorer, not same_everywhere(root, pair), looks[_key(pair.masks[0])].flat,
            len(pair.of), names_masks(text), -len(text),
        )  # fmt: skip

    best, *rest = sorted(pairs, key=rank, reverse=True)
    if VOC_CLASSES in best.masks[0].folders:
        rest = [pair for pair in rest if VOC_OBJECTS not in pair.masks[0].folders]
    return best, rest


def _may_be_layer(pair: Paired, looks: Looks) -> bool:
    """Return whether each mask may show one of several classes."""
    binary = all(look.binary for look in looks.each)
    return binary and not _POORER & {*words_of(pair.masks[0].text)}
