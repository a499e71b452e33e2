"""What a format finds in a folder: samples, and everything that does not fit."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Found:
    """One image and the parts of its mask, as addresses under the competition's folder.

    An address is a path, or a path with `#` and what is meant inside: the row of a stack, the
    image's name in a table.
    """

    id: str
    split: Split | None
    """None where the format does not say: `competition.splits` decides."""
    image: tuple[str, ...]
    """Planes, stacked as channels."""
    mask: tuple[str, ...]
    """Empty without a mask."""
    expected: str
    """Where a mask was looked for."""
    unlisted: bool = False
    """The job says what an image without a row is: its mask is empty, or it is no training image.
    A test image has no mask then."""


@dataclass(frozen=True)
class Index:
    """All samples and the problems met on the way to them."""

    samples: list[Found]
    problems: list[str]


def composed(text: str) -> str:
    """The text in Unicode's composed form: macOS writes accents apart from their letters, so that
    one name has two spellings."""
    return unicodedata.normalize("NFC", text)


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sorts `cmr2` before `cmr10`."""
    parts = re.findall(r"\d+|\D+", text)
    key = [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
    # `cmr1` and `cmr01` must not tie: their order would be the file system's.
    return (*key, (-1, text))
