"""Image and mask files with paths that follow a pattern (cardiac MR: `train/image/cmr1.png`)."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.target import Target
from raytrain.data.decode import decode_layers, decode_mask
from raytrain.data.index import Found, Index, Split, natural_key
from raytrain.data.labels import as_classes, class_number, merged, stacked
from raytrain.data.patterns import filled, matches, path_fields, split_words


def index_paired_folders(spec: PairedFoldersSpec, splits: object, root: Path) -> Index:
    """Match the image and mask patterns under `root`, and pair the files by name."""
    words, problems = split_words(splits, spec.image, "competition.format.image")
    if not problems:
        problems += split_words(splits, spec.mask, "competition.format.mask")[1]
    samples: list[Found] = []
    for split, word in words.items() if not problems else ():
        found, wrong = _paired(spec, root, split, word)
        samples += found
        problems += wrong
    return Index(samples, problems)


def read_paired_mask(
    spec: PairedFoldersSpec, root: Path, parts: tuple[str, ...], size_HW: tuple[int, int],
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW from one file, or from one file per object or class."""
    del size_HW  # the files have their own
    if "{object}" not in spec.mask and "{class}" not in spec.mask:
        path = root / parts[0]
        if target == "multi_label":
            return stacked(decode_layers(path), len(classes), path)
        return as_classes(decode_mask(path), spec.labels, len(classes), path)

    def layer(part: str) -> tuple[int, np.ndarray, str]:
        fields = path_fields(part, spec.mask) or {}
        number = class_number(fields["class"], classes, None) if "class" in fields else 1
        return number, decode_mask(root / part) != 0, str(root / part)

    return merged(map(layer, parts), target)


def _paired(
    spec: PairedFoldersSpec, root: Path, split: Split | None, word: str
) -> tuple[list[Found], list[str]]:
    image, mask = (filled(pattern, split=word) for pattern in (spec.image, spec.mask))
    found_images, problems = matches(root, image)
    found_masks, wrong = matches(root, mask)
    images = {found.fields["name"]: found.address for found in found_images}
    masks: dict[str, list[str]] = defaultdict(list)
    for found in found_masks:
        masks[found.fields["name"]].append(found.address)
    if image == mask:
        return [], [
            f"competition.format: image and mask have the same pattern {image!r}; correct one"
        ]
    # If images and masks share a folder, `{name}.png` matches the masks, too.
    for address in {address for parts in masks.values() for address in parts}:
        images = {name: path for name, path in images.items() if path != address}
    if not images:
        what = f"of split {split!r} " if split else ""
        return [], [f"{root / image}: no image {what}matches this pattern"]
    samples = [
        Found(
            id=name,
            split=split,
            image=(images[name],),
            mask=tuple(sorted(masks.get(name, []), key=natural_key)),
            expected=str(root / filled(mask, name=name)),
        )
        for name in sorted(images, key=natural_key)
    ]
    lonely = sorted(masks.keys() - images.keys(), key=natural_key)
    return samples, [*dict.fromkeys(problems + wrong)] + [
        f"{root / masks[name][0]}: a mask without an image {name!r}" for name in lonely
    ]
