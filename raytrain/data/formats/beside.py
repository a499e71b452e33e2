"""Files beside images and masks that match the pattern of images, though they are none, such as the
masks of another annotator."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from raytrain.data.image_files import ImageFile

SHARE = 0.5
"""Smallest share of the labeled images beside which a file of the same ending must be."""
_JOINT = re.compile(r"[_\-. ]")


def without_beside(
    images: Sequence[ImageFile], labeled: Collection[str], patterns: tuple[str, str]
) -> list[ImageFile]:
    """Return the images without files such as `a_second.png` beside `a.png` and its mask
    `a_first.png`.

    These files have no mask, their names are those of labeled images with an ending, and half of
    the labeled images or more have a file with this ending. `labeled` are the addresses of images
    with masks, `patterns` those of images and masks. If masks are in another folder, every file is
    an image.
    """
    folders = {pattern.rpartition("/")[0] for pattern in patterns}
    stems = {_stem(address) for address in labeled}
    of: dict[str, list[str]] = defaultdict(list)
    for image in images if len(folders) == 1 else ():
        stem = _stem(image.address)
        cuts = (match.start() for match in _JOINT.finditer(stem))
        if image.address not in labeled:
            for ending in (stem[at:] for at in cuts if stem[:at] in stems):
                of[ending].append(image.address)
    usual = (each for each in of.values() if len(each) >= max(2, SHARE * len(stems)))
    none = {address for each in usual for address in each}
    return [image for image in images if image.address not in none]


def _stem(address: str) -> str:
    return str(PurePosixPath(address).with_suffix(""))
