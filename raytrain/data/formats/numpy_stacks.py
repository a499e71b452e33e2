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
    return as_classes(_numbers(mask, path), spec.labels, classes, path, root)


def _numbers(mask: np.ndarray, path: Path) -> np.ndarray:
    """Return mask_HW of whole numbers from H x W (x C). Channels that are all equal count as one.
    Raises ValueError for other channels, for fractions, and for negative numbers."""
    if mask.ndim == 3 and (mask != mask[..., :1]).any():
        raise ValueError(
            f"{path}: its masks have {mask.shape[2]} channels; if each is a class, set "
            "competition.target: multi_label, and name in competition.classes the background and "
            "each channel; else save class numbers, N x H x W"
        )
    mask_HW = mask[..., 0] if mask.ndim == 3 else mask
    if mask_HW.dtype.kind == "f" and np.isfinite(mask_HW).all():
        whole_HW = mask_HW.astype(np.int64)
        mask_HW = whole_HW if (whole_HW == mask_HW).all() else mask_HW
    if mask_HW.dtype.kind == "f" or mask_HW.min(initial=0) < 0:
        raise ValueError(
            f"{path}: masks must hold whole numbers from 0 on; these hold fractions or negative "
            "numbers; save class numbers, N x H x W"
        )
    return mask_HW


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
