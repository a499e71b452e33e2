"""How long an ensemble needs for new images, and which members a time limit allows."""

import time
from collections.abc import Sequence

from raytrain.data.new_images import NewImage
from raytrain.engine.predictor import frame_of
from raytrain.ensemble.new_maps import new_strips
from raytrain.ensemble.prediction import LoadedShare, load_share
from raytrain.ensemble.shares import MemberShare, shares
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.bundle import Bundle

PROBED = 4
"""Number of images that are predicted to measure the time."""


def member_seconds(part: MemberShare, bundle: Bundle, images: Sequence[NewImage]) -> float:
    """Return the estimated number of seconds that a member needs for these images (at least one
    image), measured on a few of them.

    The time grows with the pixels at the networks' inputs, so the tiles of large images count.
    """
    networks = [load_share(each) for each in shares([part])[0]]
    step = max(1, len(images) // PROBED)
    probed = images[::step][:PROBED]
    ratio = _pixels(networks, images) / _pixels(networks, probed)
    return _measured(networks, bundle, probed) * ratio


def affordable(seconds: Sequence[float], weights: Sequence[int], available: float) -> list[int]:
    """Return the indices of the members to keep, so that together they take no longer than
    `available` seconds.

    The member with the smallest weight is left out first; of equal weights, the slowest. One member
    always stays.
    """
    kept = list(range(len(seconds)))
    while len(kept) > 1 and sum(seconds[place] for place in kept) > available:
        kept.remove(min(kept, key=lambda place: (weights[place], -seconds[place])))
    return kept


def _measured(networks: Sequence[LoadedShare], bundle: Bundle, images: Sequence[NewImage]) -> float:
    """Return the seconds that these images take. The first image is predicted once more before, as
    a warm-up."""
    for image, strips in new_strips(networks, bundle, images[:1]):
        mask_of_strips(strips, image.size_HW, bundle.target, bundle.steps)
    start = time.monotonic()
    for image, strips in new_strips(networks, bundle, images):
        mask_of_strips(strips, image.size_HW, bundle.target, bundle.steps)
    return time.monotonic() - start


def _pixels(networks: Sequence[LoadedShare], images: Sequence[NewImage]) -> int:
    """Return the number of pixels at the networks' inputs."""
    total = 0
    for each in networks:
        for image in images:
            frame = frame_of(each.card, image.size_HW)
            windows = frame.window_count(*image.size_HW)
            total += windows * frame.height * frame.width * len(each.views)
    return total
