"""One file of images and one file of masks for each split, as `.npy` or TIFF."""

from pathlib import Path

import numpy as np

from raytrain.config.formats import NumpyStacksSpec
from raytrain.config.labels import ThresholdLabelsSpec
from raytrain.config.target import Target
from raytrain.data.decode import decode_layers
from raytrain.data.index import Found, Index, Split
from raytrain.data.labels import stacked
from raytrain.data.mask_values import as_classes, read_classes
from raytrain.data.patterns import filled, matches, split_words, val_note
from raytrain.data.stacks import open_stack, read_row
from raytrain.data.tiff import SUFFIXES, count_pages, page_of


def index_numpy_stacks(spec: NumpyStacksSpec, splits: object, root: Path) -> Index:
    """Return one sample for each row of the stacks of images, and the problems. No stack is read as
    a whole."""
    words, problems = split_words(splits, spec.images, "competition.format.images")
    if not problems:
        problems += split_words(splits, spec.masks, "competition.format.masks")[1]
    samples: list[Found] = []
    notes: list[str] = []
    for split, word in words.items() if not problems else ():
        if note := val_note(splits, split, root, spec.images):
            notes.append(note)
            continue
        try:
            samples += _rows(root, split, _on_disk(root, filled(spec.images, split=word)),
                             _on_disk(root, filled(spec.masks, split=word)))  # fmt: skip
        except ValueError as error:
            problems.append(str(error))
    return Index(samples, problems, tuple(notes))


def read_stack_mask(
    spec: NumpyStacksSpec, root: Path, parts: tuple[str, ...], size_HW: tuple[int, int],
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW with class numbers, from one row or page of a stack of masks. Raises
    ValueError when the stack is unreadable, or its values are not class numbers."""
    del size_HW
    (address,) = parts
    path = root / address
    above = spec.labels.above if isinstance(spec.labels, ThresholdLabelsSpec) else None
    if page_of(path) is not None:
        if target == "multi_label":
            return stacked(decode_layers(path, above), len(classes), path)
        return read_classes(path, spec.labels, classes, root)
    mask = read_row(root, address)
    if target == "multi_label":
        layers = mask[..., None] if mask.ndim == 2 else mask
        return stacked(layers if above is None else layers > above, len(classes), path)
    if mask.ndim != 2 or mask.dtype.kind not in "ubi" or mask.min(initial=0) < 0:
        raise ValueError(f"{path}: masks must be whole numbers >= 0 of shape N x H x W")
    return as_classes(mask, spec.labels, classes, path, root)


def _on_disk(root: Path, address: str) -> str:
    """Return the address with the suffix in upper or lower case as the actual file has it, if there
    is a file. Raises ValueError when several files match."""
    found, problems = matches(root, address)
    if problems:
        raise ValueError(problems[0])
    return found[0].address if found else address


def _rows(root: Path, split: Split | None, images: str, masks: str) -> list[Found]:
    count = _count(root / images)
    labeled = (root / masks).is_file()
    if labeled and (of_masks := _count(root / masks)) != count:
        raise ValueError(
            f"{root / masks}: holds {of_masks} masks, but {images} holds {count} images; save one "
            "mask for each image"
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
        for row in range(count)
    ]


def _count(path: Path) -> int:
    return count_pages(path) if path.name.lower().endswith(SUFFIXES) else len(open_stack(path))
