"""Read one sample's image and mask by their addresses."""

from pathlib import Path

import numpy as np

from raytrain.config.formats import FormatSpec
from raytrain.config.own import part_of
from raytrain.config.target import Target, stored_type
from raytrain.data.decode import decode_image
from raytrain.data.formats import FORMATS
from raytrain.data.neighbours import own_frame
from raytrain.data.report import DataReport
from raytrain.data.source import local_folder
from raytrain.data.stacks import read_row
from raytrain.runs.messages import counted


def read_image(root: Path, addresses: tuple[str, ...]) -> np.ndarray:
    """Return image_HWC in its own dtype, with the channels of all addresses concatenated.

    Raises ValueError that names the file that is unreadable or does not match the others.
    """
    planes = [_plane(root, address) for address in addresses]
    for address, plane in zip(addresses, planes, strict=True):
        if plane.shape[:2] != planes[0].shape[:2] or plane.dtype != planes[0].dtype:
            raise ValueError(
                f"{root / address}: {describe(plane)}, but {addresses[0]}, which belongs to the "
                f"same image, has {describe(planes[0])}; save both alike"
            )
    return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)


def read_mask(
    format: FormatSpec,
    root: Path,
    addresses: tuple[str, ...],
    size_HW: tuple[int, int],
    classes: tuple[str, ...],
    target: Target,
) -> np.ndarray:
    """Return mask_HW for an image of this size, in the stored type of the target.

    Raises ValueError that names a file that is unreadable, of another size or holds invalid values.
    """
    read = part_of("FORMATS", format, FORMATS).mask
    mask = read(format, root, addresses, size_HW, classes, target)
    if mask.shape != size_HW:
        raise ValueError(
            f"{root / addresses[0]}: the mask is {mask.shape[1]}x{mask.shape[0]}, but its image is "
            f"{size_HW[1]}x{size_HW[0]} px; give the mask of this image, in its own size"
        )
    return mask.astype(stored_type(len(classes), target), copy=False)


def describe(image_HWC: np.ndarray) -> str:
    """Return a text such as `96x96, 1 channel, uint8`."""
    height, width, channels = image_HWC.shape
    return f"{width}x{height}, {counted(channels, 'channel')}, {image_HWC.dtype}"


class SampleFiles:
    """The files of a checked data set, by id."""

    def __init__(self, report: DataReport):
        self._report = report
        self._samples = report.samples.set_index("id")

    def image(self, id: str) -> np.ndarray:
        """Return image_HWC of an id. Raises ValueError when a file is missing or unreadable."""
        root = local_folder(self._report.source)
        return read_image(root, split_addresses(self._samples.at[id, "image"]))

    def frame(self, id: str) -> np.ndarray:
        """Return image_HWC without its neighboring frames, for people to look at. Raises ValueError
        like `image`."""
        return own_frame(self.image(id), id, self._report.neighbours)

    def has_mask(self, id: str) -> bool:
        return bool(self._samples.at[id, "mask"])

    def mask(self, id: str) -> np.ndarray:
        """Return mask_HW of a labeled image. Raises ValueError when a file is unreadable."""
        sample, report = self._samples.loc[id], self._report
        parts, size = split_addresses(sample["mask"]), (sample["height"], sample["width"])
        root = local_folder(report.source)
        return read_mask(report.format, root, parts, size, report.classes, report.target)


def split_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in a cell of the table of samples, which has one address per line."""
    return tuple(text.split("\n")) if text else ()


def _plane(root: Path, address: str) -> np.ndarray:
    if ".npy#" not in address.lower():
        return decode_image(root / address)
    plane = read_row(root, address)
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        raise ValueError(f"{root / address}: holds values that are not finite; replace them")
    return plane[..., None] if plane.ndim == 2 else plane
