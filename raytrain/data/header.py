"""The size of an image, from the first bytes of its file."""

import math
from pathlib import Path

from PIL import Image

from raytrain.data.pillow import READ, without_limit
from raytrain.data.stacks import open_stack
from raytrain.data.tiff import declared_shape, is_tiff, page_of


def declared_values(root: Path, address: str) -> int:
    """Return height x width x channels of the image at an address, without decoding it.

    If the first bytes of the file do not give the size, returns the number of bytes of the file; if
    there is no such file, 0. A wrong file raises no error here, but later when it is read.
    """
    file, _, row = address.rpartition("#")
    try:
        if file.lower().endswith(".npy"):
            return open_stack(root / file)[int(row)].size
        path = root / address
        page = page_of(path)
        if page is not None:
            return math.prod(declared_shape(page[0]))
        if not path.is_file():  # a pipe has no end
            return 0
        with path.open("rb") as stream:
            if is_tiff(stream.read(4)):
                return math.prod(declared_shape(path))
            with without_limit():
                image = Image.open(stream, formats=READ)
            return image.width * image.height * len(image.getbands())
    except Exception:  # damaged files cause errors of nearly every type
        return path.stat().st_size if (path := root / address).is_file() else 0
