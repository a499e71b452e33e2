"""The result of a format's search of a folder: samples and problems."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Found:
    """One image and the parts of its mask, as addresses relative to the competition's folder.

    An address is a path, or a path with `#` and a part of the file: the row of a stack, or the
    image's name in a table.
    """

    id: str
    split: Split | None
    """The split; None if the format does not give it, so that `competition.splits` decides."""
    image: tuple[str, ...]
    """Addresses of the files that become the image's channels, in order."""
    mask: tuple[str, ...]
    """Addresses of the mask's parts; empty without a mask."""
    expected: str
    """Where a mask was expected, in words."""
    unlisted: bool = False
    """Whether the annotations do not list the image. `competition.format.unlisted` then says
    whether its mask is empty or it is not used for training; a test image has no mask."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """The values of the parts of the image's path, except the split."""
    renamed: str | None = None
    """The image's name in the files, if the id differs because a test image has the same name."""

    @property
    def name(self) -> str:
        """The name of the image in paths and tables. The id may differ from it."""
        return self.id if self.renamed is None else self.renamed


@dataclass(frozen=True)
class Index:
    """All samples that a format finds in a folder, and the problems."""

    samples: list[Found]
    problems: list[str]
    notes: tuple[str, ...] = ()
    """Messages about what was done, which are not problems."""


def composed(text: str) -> str:
    """Return the text in Unicode's composed form. macOS stores accents separately from their
    letters, so that one name has two spellings."""
    return unicodedata.normalize("NFC", text)


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key of a name that puts `cmr2` before `cmr10`."""
    parts = re.findall(r"\d+|\D+", text)
    key = [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
    # `cmr1` and `cmr01` must not tie, because their order would depend on the file system.
    return (*key, (-1, text))
