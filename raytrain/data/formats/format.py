"""A data format: its two functions, and how they are made for the formats of annotation files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.annotations import AnnotationsSpec
from raytrain.config.target import Target
from raytrain.data.formats.annotated import (
    AnnotatedImage,
    Reader,
    Size,
    index_file_per_image,
    index_one_file,
    listed_at,
)
from raytrain.data.formats.painting import painted
from raytrain.data.index import Index


@dataclass(frozen=True)
class Format:
    """The two functions of a data format: `index` finds the samples in a folder, and `mask` reads a
    mask. The first argument of both is the format's spec."""

    index: Callable[[Any, Any, Path], Index]
    """Function (spec, `competition.splits`, data folder) -> the samples and the problems."""
    mask: Callable[
        [Any, Path, tuple[str, ...], tuple[int, int], tuple[str, ...], Target], np.ndarray
    ]
    """(spec, root, addresses, size_HW of the image, classes, target) -> mask_HW, with numbers as in
    `config/target.py`. Raises ValueError that names the file."""


def one_file(read: Reader) -> Format:
    """Return the format for one annotation file with all images, such as COCO's; `read` returns the
    file's entries."""

    mask = _mask_from(lambda root, address: listed_at(root, address, read))
    return Format(partial(index_one_file, read=read), mask)


def file_per_image(read: Callable[[Path], AnnotatedImage]) -> Format:
    """Return the format for one annotation file per image, such as LabelMe's; `read` returns the
    file's entry."""

    def entry(root: Path, address: str) -> AnnotatedImage | None:
        return None if address.endswith("#") else read(root / address)

    return Format(index_file_per_image, _mask_from(entry))


def _mask_from(entry: Callable[[Path, str], AnnotatedImage | None]) -> Callable[..., np.ndarray]:
    """Return the function `Format.mask` that paints the objects of the entry at an address."""

    def mask(
        spec: AnnotationsSpec, root: Path, parts: tuple[str, ...], size_HW: Size,
        classes: tuple[str, ...], target: Target,
    ) -> np.ndarray:  # fmt: skip
        (address,) = parts
        source = str(root / address)
        return painted(spec, source, entry(root, address), size_HW, classes, target)

    return mask
