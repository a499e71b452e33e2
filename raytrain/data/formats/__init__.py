"""Data formats, one file each: how samples are found in a folder, and how a mask is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.target import Target
from raytrain.data.formats.coco import index_coco, read_coco_mask
from raytrain.data.formats.cvat import index_cvat, read_cvat_mask
from raytrain.data.formats.labelme import index_labelme, read_labelme_mask
from raytrain.data.formats.numpy_stacks import index_numpy_stacks, read_stack_mask
from raytrain.data.formats.paired_folders import index_paired_folders, read_paired_mask
from raytrain.data.formats.rle_table import index_rle_table, read_rle_mask
from raytrain.data.formats.supervisely import index_supervisely, read_supervisely_mask
from raytrain.data.index import Index


@dataclass(frozen=True)
class Format:
    """The two functions of a format; both take its spec first."""

    index: Callable[[Any, Any, Path], Index]
    """(spec, splits, root) -> all samples and problems."""
    mask: Callable[
        [Any, Path, tuple[str, ...], tuple[int, int], tuple[str, ...], Target], np.ndarray
    ]
    """(spec, root, addresses, size_HW of the image, classes, target) -> mask_HW, with numbers as in
    `config/target.py`. Raises ValueError that names the file."""


FORMATS: dict[str, Format] = {
    "paired_folders": Format(index_paired_folders, read_paired_mask),
    "numpy_stacks": Format(index_numpy_stacks, read_stack_mask),
    "rle_table": Format(index_rle_table, read_rle_mask),
    "coco": Format(index_coco, read_coco_mask),
    "cvat": Format(index_cvat, read_cvat_mask),
    "labelme": Format(index_labelme, read_labelme_mask),
    "supervisely": Format(index_supervisely, read_supervisely_mask),
}
