"""One `.npy` array of images and one of masks per split (neuro micro-CT: N x 256 x 256)."""

from pathlib import Path

import numpy as np

from raytrain.config.formats import NumpyStacksSpec
from raytrain.config.target import Target
from raytrain.data.index import Found, Index, Split
from raytrain.data.labels import as_classes, stacked
from raytrain.data.patterns import filled, matches, split_words
from raytrain.data.stacks import open_stack, read_row


def index_numpy_stacks(spec: NumpyStacksSpec, splits: object, root: Path) -> Index:
    """Return one sample per row; the stacks are mapped and never read as a whole."""
    words, problems = split_words(splits, spec.images, "competition.format.images")
    if not problems:
        problems += split_words(splits, spec.masks, "competition.format.masks")[1]
    samples: list[Found] = []
    for split, word in words.items() if not problems else ():
        try:
            samples += _rows(root, split, _on_disk(root, filled(spec.images, split=word)),
                             _on_disk(root, filled(spec.masks, split=word)))  # fmt: skip
        except ValueError as error:
            problems.append(str(error))
    return Index(samples, problems)


def read_stack_mask(
    spec: NumpyStacksSpec, root: Path, parts: tuple[str, ...], size_HW: tuple[int, int],
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW from one row of a stack."""
    del size_HW
    (address,) = parts
    mask = read_row(root, address)
    if target == "multi_label":
        layers = mask[..., None] if mask.ndim == 2 else mask
        return stacked(layers, len(classes), root / address)
    if mask.ndim != 2 or mask.dtype.kind not in "ubi" or mask.min(initial=0) < 0:
        raise ValueError(f"{root / address}: masks must be whole numbers >= 0 of shape N x H x W")
    return as_classes(mask, spec.labels, len(classes), root / address)


def _on_disk(root: Path, address: str) -> str:
    """Return the address with its suffix in the case of the actual file, if there is one."""
    found, problems = matches(root, address)
    if problems:
        raise ValueError(problems[0])
    return found[0].address if found else address


def _rows(root: Path, split: Split | None, images: str, masks: str) -> list[Found]:
    stack = open_stack(root / images)
    labeled = (root / masks).is_file()
    if labeled:
        labels = open_stack(root / masks)
        if len(labels) != len(stack):
            raise ValueError(
                f"{root / masks}: holds {len(labels)} masks, but {images} holds {len(stack)} images"
            )
    prefix = f"{split}_" if split else "row_"
    return [
        Found(
            id=f"{prefix}{row}",
            split=split,
            image=(f"{images}#{row}",),
            mask=(f"{masks}#{row}",) if labeled else (),
            expected=str(root / masks),
        )
        for row in range(len(stack))
    ]
