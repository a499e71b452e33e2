"""What a format finds in a folder: samples by split, and everything that does not fit."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Sample:
    """One image and, outside the test split, its mask."""

    id: str
    split: Split
    image: Path
    mask: Path | None


@dataclass(frozen=True)
class Index:
    """All samples in natural order of their ids, split by split, and the problems met."""

    samples: list[Sample]
    problems: list[str]


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sorts `cmr2` before `cmr10`."""
    parts = re.findall(r"\d+|\D+", text)
    key = [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
    # `cmr1` and `cmr01` must not tie: their order would be the file system's.
    return (*key, (-1, text))
