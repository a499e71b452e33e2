"""`data.json`: what `check` learnt about a competition's data; workers open the data by it."""

import hashlib
from pathlib import Path

import numpy as np

from raytrain.config.base import Spec
from raytrain.data.index import Split


class SampleFacts(Spec):
    """One sample: where it stands and its statistics."""

    id: str
    split: Split
    image: str
    mask: str | None
    group: int
    mean: tuple[float, ...]
    """Per channel, in the image's own units."""
    square: tuple[float, ...]
    """Mean of squares per channel."""
    class_pixels: tuple[int, ...]
    """Mask pixels per class; empty without a mask."""
    digest: str
    """SHA-256 over the image's and the mask's bytes."""


class SplitFacts(Spec):
    """One split in numbers."""

    images: int
    class_pixels: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


class DataReport(Spec):
    """The data of one competition, every file of which was read."""

    fingerprint: str
    """Of ids, splits and contents."""
    height: int
    width: int
    channels: int
    dtype: str
    classes: tuple[str, ...]
    splits: dict[str, SplitFacts]
    """train, val, test, and `train+val`."""
    duplicates: tuple[tuple[str, str], ...]
    """Pairs of ids whose images are equal pixel by pixel."""
    samples: tuple[SampleFacts, ...]

    def ids(self, *splits: Split) -> tuple[str, ...]:
        """Ids of these splits in natural order, split by split."""
        return tuple(sample.id for sample in self.samples if sample.split in splits)


def mean_and_std(samples: list[SampleFacts]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per channel over all pixels of equally large images, in the images' own units."""
    mean = np.mean([sample.mean for sample in samples], axis=0)
    square = np.mean([sample.square for sample in samples], axis=0)
    std = np.sqrt(np.maximum(square - mean**2, 0))
    return tuple(map(float, mean)), tuple(map(float, std))


def file_digest(*paths: Path) -> str:
    """SHA-256 over the contents of the files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
