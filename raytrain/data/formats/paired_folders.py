"""Image and mask files with paths that follow a pattern (cardiac MR: `train/image/cmr1.png`)."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.labels import ThresholdLabelsSpec
from raytrain.config.patterns import parts_of
from raytrain.config.target import Target
from raytrain.data.decode import decode_layers, decode_levels, decode_mask
from raytrain.data.formats.beside import without_beside
from raytrain.data.image_files import ImageFile, find_images, image_words
from raytrain.data.index import Found, Index, Split, natural_key
from raytrain.data.labels import class_number, merged, stacked
from raytrain.data.mask_values import read_classes
from raytrain.data.patterns import Match, all_matches, filled, matches, path_fields

_BLANK = "#"
"""The end of the address of an empty mask: the image's own address with this character."""
Key = tuple[str, ...]
"""The word of the split, then the values of the parts by which masks and images are paired."""


def index_paired_folders(spec: PairedFoldersSpec, splits: object, root: Path) -> Index:
    """Return a sample for each image file under `root` that matches `spec.image`, with the mask
    files whose paths have the same parts, such as `{name}`; and the problems."""
    if spec.image == spec.mask:
        return Index([], [
            f"competition.format: image and mask have the same pattern {spec.image!r}; correct one"
        ])  # fmt: skip
    masks, wrong = _masks(spec, root, image_words(spec, splits)[0])
    # If images and masks share a folder, `{name}.png` matches the masks, too.
    addresses = [address for parts in masks.values() for address in parts]
    search = find_images(spec, splits, root, addresses)
    problems = [*search.problems]
    samples: list[Found] = []
    owner: dict[Key, ImageFile] = {}
    own = {image.address for image in search.images if _key(spec, image.word, image.parts) in masks}
    images = without_beside(search.images, own, (spec.image, spec.mask))
    # Labeled images first: a test image of the same name has another mask.
    for image in sorted(images, key=lambda image: image.split == "test"):
        key = _key(spec, image.word, image.parts)
        first = image if image.elsewhere else owner.setdefault(key, image)
        found = masks.get(key, []) if first is image and not image.elsewhere else []
        if first is not image and image.split != "test" and key in masks:
            problems.append(
                f"{root / masks[key][0]}: is the mask of {first.address} and of {image.address}; "
                "add the parts in which they differ to competition.format.mask"
            )
        samples.append(_sample(spec, root, image, found))
    used = owner.keys() | {_key(spec, each.word, each.parts) for each in search.repeated}
    lonely = sorted(masks.keys() - used, key=lambda key: [*map(natural_key, key)])
    problems += [*dict.fromkeys(wrong)] if search.images else []
    problems += [
        f"{root / masks[key][0]}: there is no image {'_'.join(key[1:])!r} for this mask; add it, "
        "or remove the mask"
        for key in lonely
    ]
    return Index(samples, problems, (*search.notes, *_notes(spec, samples)))


def read_paired_mask(
    spec: PairedFoldersSpec, root: Path, parts: tuple[str, ...], size_HW: tuple[int, int],
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW with class numbers, from one mask file, or from a file for each object or
    class."""
    if parts[0].endswith(_BLANK):
        return np.zeros(size_HW, np.uint8)
    above = spec.labels.above if isinstance(spec.labels, ThresholdLabelsSpec) else None
    in_parts = parts_of(spec.mask)
    if "object" not in in_parts and "class" not in in_parts:
        paths = [root / part for part in parts]
        if target == "multi_label":
            masks = (stacked(decode_layers(path, above), len(classes), path) for path in paths)
            return np.bitwise_or.reduce([*masks])
        if len(paths) == 1:
            return read_classes(paths[0], spec.labels, classes, root)
        return merged(_values(spec, root, paths, classes), target)

    def layer(part: str) -> tuple[int, np.ndarray, str]:
        fields = path_fields(part, spec.mask) or {}
        path = root / part
        layer_HW = decode_mask(path) != 0 if above is None else decode_levels(path) > above
        try:
            number = class_number(fields["class"], classes, None) if "class" in fields else 1
        except ValueError:
            if layer_HW.any():
                raise
            number = 0  # the class was left out of competition.classes, because no mask shows it
        return number, layer_HW, str(path)

    return merged(map(layer, parts), target)


def _values(
    spec: PairedFoldersSpec, root: Path, paths: list[Path], classes: tuple[str, ...]
) -> Iterator[tuple[int, np.ndarray, str]]:
    """Yield (class number, bool_HW, file) for each class in each file. The layers are later merged
    into one mask.

    Each file also yields an empty layer, so that the sizes of files without a class are compared.
    """
    for path in paths:
        mask_HW = read_classes(path, spec.labels, classes, root)
        yield 0, np.zeros(mask_HW.shape, bool), str(path)
        for number in np.unique(mask_HW[mask_HW != 0]).tolist():
            yield number, mask_HW == number, str(path)


def _masks(
    spec: PairedFoldersSpec, root: Path, words: dict[Split | None, str]
) -> tuple[dict[Key, list[str]], list[str]]:
    """Return the addresses of the mask files for each key, and the problems."""
    masks: dict[Key, list[str]] = defaultdict(list)
    problems: list[str] = []
    images = _images_among_masks(spec, words)
    for word in dict.fromkeys(words.values()) if "{split}" in spec.mask else ("",):
        pattern = filled(spec.mask, split=word) if word else spec.mask
        found: list[Match]
        if "*" in pattern:
            found = all_matches(root, pattern)
        else:
            found, wrong = matches(root, pattern)
            problems += wrong
        for match in found:
            if not any(path_fields(match.address, image) for image in images):
                masks[_key(spec, word, match.fields)].append(match.address)
    return {key: sorted(parts, key=natural_key) for key, parts in masks.items()}, problems


def _images_among_masks(spec: PairedFoldersSpec, words: dict[Split | None, str]) -> list[str]:
    """Return the patterns of images that say more of the path than the pattern of the masks.

    `{name}_{class}.png` matches the image `a_image.png`, too, and `{class}/{name}.png` matches
    `test/a.png`.
    """
    if not {"class", "object"} & {*parts_of(spec.mask)}:
        return []
    patterns = [spec.image, *([spec.test_image] if spec.test_image is not None else [])]
    said = [each for each in patterns if _said(each) > _said(spec.mask)]
    return [filled(each, split=word) for each in said for word in words.values()]


def _said(pattern: str) -> int:
    """Return the number of a pattern's characters outside its braces, without `*`."""
    return len(filled(pattern, **dict.fromkeys(parts_of(pattern), "")).replace("*", ""))


def _key(spec: PairedFoldersSpec, word: str, fields: dict[str, str]) -> Key:
    named = [part for part in parts_of(spec.mask) if part not in ("split", "object", "class")]
    return (word if "{split}" in spec.mask else "", *(fields[part] for part in named))


def _sample(spec: PairedFoldersSpec, root: Path, image: ImageFile, masks: list[str]) -> Found:
    fields = image.parts | ({"split": image.word} if image.word else {})
    expected = str(root / filled(spec.mask, **fields))
    if spec.unlisted is None:
        expected += ", or competition.format.unlisted: empty or unlabelled"
    said = spec.unlisted is not None and not masks
    if said and spec.unlisted == "empty":
        masks = [f"{image.addresses[0]}{_BLANK}"]
    return Found(
        id=image.name, split=image.split, image=image.addresses, mask=tuple(masks),
        expected=expected, unlisted=said, parts=image.parts,
    )  # fmt: skip


def _notes(spec: PairedFoldersSpec, samples: list[Found]) -> tuple[str, ...]:
    """Return a note if `*` matches several mask files of an image."""
    several = [sample for sample in samples if len(sample.mask) > 1]
    if "*" not in spec.mask or not several:
        return ()
    return (
        f"images with several mask files, which are combined: {len(several)}, such as "
        f"{several[0].id!r} with {len(several[0].mask)} (competition.format.mask)",
    )
