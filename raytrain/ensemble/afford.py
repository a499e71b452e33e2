"""How long an ensemble needs for new images, and which members a time limit allows."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from raytrain.data.new_images import NewImage
from raytrain.engine.predictor import frame_of
from raytrain.engine.views import IDENTITY, views_of
from raytrain.ensemble.new_maps import new_strips
from raytrain.ensemble.prediction import LoadedShare
from raytrain.ensemble.shares import MemberShare
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.bundle import Bundle

ROUNDS = (1, 1, 4)
"""Numbers of images that are predicted, one round after another, to measure the time. The last
round counts; the first one is a warm-up."""
ROUND_S = 30.0
"""Seconds that a round may take. A round for which the round before expects more is left out."""
RECENT = 8
"""Smallest number of parts from which the pace is corrected."""
UNMEASURED = 1e-12
"""Seconds for each pixel at a network's input, as long as nothing was measured."""


class Pace:
    """The seconds that members need for parts of the images. They are estimated from a few images,
    and corrected by the seconds that the last parts took.

    The time grows with the pixels at the networks' inputs, so the tiles of large images count.
    """

    def __init__(self, networks: Mapping[Path, LoadedShare], parts: Sequence[Sequence[NewImage]]):
        """`networks` are all networks of the ensemble, and `parts` the images in the order in which
        they are predicted."""
        self._networks = networks
        # For each network, the pixels of all parts from each part on.
        self._left = {
            path: np.cumsum([0, *(_pixels(each, part) for part in reversed(parts))])[::-1]
            for path, each in networks.items()
        }
        self._pixel_s = dict.fromkeys(networks, UNMEASURED)
        self._taken: list[tuple[float, float]] = []

    def measure(
        self, members: Sequence[MemberShare], bundle: Bundle, images: Sequence[NewImage],
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        """Predict a few of the images with each member, to estimate its time. Raises ValueError
        when one of them cannot predict them; then nothing is measured.

        The smallest of these images come first, so that huge ones take no time from their
        prediction."""
        few = images[:: max(1, len(images) // ROUNDS[-1])][: ROUNDS[-1]]
        probed = sorted(few, key=lambda image: prod(image.size_HW))
        found: dict[Path, float] = {}
        for member in members:
            networks = [self._networks[path] for path in member.networks]
            pixel_s = 0.0
            for part in (probed[:count] for count in ROUNDS):
                pixels = sum(_pixels(each, part) * len(each.views) for each in networks)
                if pixel_s * pixels > ROUND_S:
                    break
                start = clock()
                _predict(networks, bundle, part)
                pixel_s = (clock() - start) / pixels
            found |= dict.fromkeys(member.networks, pixel_s)
        self._pixel_s |= found

    def seconds(self, member: MemberShare, first: int, last: int = -1) -> float:
        """Return the estimate for a member and the parts from `first` on, until before `last`."""
        of_networks = (
            self._pixel_s[path] * float(self._left[path][first] - self._left[path][last])
            for path in member.networks
        )
        return self._factor() * len(views_of(member.views)) * sum(of_networks)

    def correct(self, members: Sequence[MemberShare], place: int, seconds: float) -> None:
        """Correct later estimates by the seconds that the part `place` took with these members."""
        expected = sum(self.seconds(each, place, place + 1) for each in members) / self._factor()
        self._taken.append((seconds, expected))

    def _factor(self) -> float:
        """Return by how much the last quarter of the parts was slower than measured."""
        last = self._taken[-max(RECENT, len(self._taken) // 4) :]
        return sum(each[0] for each in last) / sum(each[1] for each in last) if last else 1.0


def foreseen_s(
    members: Sequence[MemberShare], networks: Sequence[LoadedShare], bundle: Bundle,
    images: Sequence[NewImage],
) -> float:  # fmt: skip
    """Return about how many seconds the images take: measured on one of them, without views."""
    plain = [replace(each, views=(IDENTITY,)) for each in networks]
    paths = [path for each in members for path in each.networks]
    pace = Pace(dict(zip(paths, plain, strict=True)), [images])
    pace.measure(members, bundle, images[:1], time.perf_counter)
    return sum(pace.seconds(each, 0) for each in members)


def affordable(
    members: Sequence[MemberShare], seconds: Callable[[MemberShare], float], available: float
) -> list[MemberShare]:
    """Return the members to keep, so that together they take no longer than `available` seconds.

    The member with the smallest weight is left out first; of equal weights, the slowest. The last
    member is not left out, but loses first its views and then all networks except one.
    """
    kept = [*members]
    while sum(map(seconds, kept)) > available:
        if len(kept) > 1:
            kept.remove(min(kept, key=lambda each: (each.weight, -seconds(each))))
        elif kept[0].views:
            kept = [replace(kept[0], views=())]
        elif len(kept[0].networks) > 1:
            kept = [replace(kept[0], networks=kept[0].networks[:1])]
        else:
            break
    return kept


def _predict(networks: Sequence[LoadedShare], bundle: Bundle, images: Sequence[NewImage]) -> None:
    for image, strips in new_strips(networks, bundle, images):
        mask_of_strips(strips, image.size_HW, bundle.target, bundle.steps)


def _pixels(network: LoadedShare, images: Sequence[NewImage]) -> int:
    """Return the number of pixels at a network's input, without further views."""
    total = 0
    for image in images:
        frame = frame_of(network.card, image.size_HW)
        total += frame.window_count(*image.size_HW) * frame.height * frame.width
    return total
