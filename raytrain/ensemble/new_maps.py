"""Mean maps of new images, in batches that do not depend on the sizes of other images."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import lcm

import numpy as np
import torch

from raytrain.config.framing import TilesSpec
from raytrain.data.new_cache import cache_of
from raytrain.data.new_images import NewImage
from raytrain.engine.predictor import frame_of
from raytrain.ensemble.prediction import SHARD, LoadedShare, Strips, mean_strips
from raytrain.runs.bundle import Bundle


def new_strips(
    networks: Sequence[LoadedShare], bundle: Bundle, images: Sequence[NewImage]
) -> Iterator[tuple[NewImage, Strips]]:
    """Yield each image with its mean map. Take all strips of an image before the next image.

    Images with the same windows are predicted together, 32 at a time in the given order, as a
    run's test images are. Raises ValueError when a network cannot take an image of this size.
    """
    for part in parts_of(networks, images):
        cache = cache_of(part, max(_at_once(networks)), bundle.channels, bundle.target)
        try:
            yield from zip(part, mean_strips(networks, cache, np.arange(len(part))), strict=True)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason, (height, width) = str(error).strip().split("\n")[0], part[0].size_HW
            raise ValueError(
                f"{part[0].addresses[0]}: the ensemble cannot predict images of {width}x{height} "
                f"px ({reason}); use images of about the size of those in training"
            ) from None


def parts_of(
    networks: Sequence[LoadedShare], images: Sequence[NewImage]
) -> Iterator[list[NewImage]]:
    """Yield the images in the smallest parts that give the same bits alone as all images together.

    The images of a part have the same size at each network's input. They are whole batches of each
    network, or the last ones of 32 images.
    """
    alike: dict[tuple[tuple[int, int], ...], list[NewImage]] = defaultdict(list)
    for image in images:
        frames = [frame_of(each.card, image.size_HW) for each in networks]
        alike[tuple((frame.height, frame.width) for frame in frames)].append(image)
    step = lcm(*_at_once(networks))
    for group in alike.values():
        for start in range(0, len(group), SHARD):
            shard = group[start : start + SHARD]
            yield from (shard[first : first + step] for first in range(0, len(shard), step))


def _at_once(networks: Sequence[LoadedShare]) -> list[int]:
    """Return the number of images in a batch of each network. With tiles, a batch holds the tiles
    of one image."""
    specs = [each.card.spec for each in networks]
    return [1 if isinstance(spec.framing, TilesSpec) else spec.at_once for spec in specs]
