"""Probability maps from checkpoints, and masks from the maps of several members.

Shape suffixes: K classes, H x W pixels.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from raytrain.config.target import Target
from raytrain.data.cache import Cache
from raytrain.data.framing import Frame
from raytrain.data.report import DataReport
from raytrain.engine.parallel import current_world
from raytrain.engine.predictor import load_network, predicted, read_card
from raytrain.engine.views import IDENTITY, View
from raytrain.metrics.decide import mask_of
from raytrain.runs.maps import Maps


def member_probabilities(
    checkpoint: Path, cache: Cache, ids: tuple[str, ...], views: tuple[View, ...] = (IDENTITY,)
) -> Iterator[np.ndarray]:
    """Yield prob_KHW (float32) of one member for each image, at the image's size: the mean over
    these views.

    The checkpoint describes its own network, classes and scaling. Batches depend on `ids` alone, so
    the same call gives the same bits.
    """
    card = read_card(checkpoint)
    model = load_network(checkpoint).to(current_world().device)
    frame = Frame(card.spec.framing, cache.largest)
    for prob_KHW in predicted(model, card, cache, cache.rows(ids), frame, views):
        yield prob_KHW.cpu().numpy()


def given_probabilities(
    path: Path, report: DataReport, ids: tuple[str, ...]
) -> Iterator[np.ndarray]:
    """Yield prob_KHW (float32) of some test images from a file with the maps of all of them."""
    tests = report.ids("test")
    place = {id: number for number, id in enumerate(tests)}
    maps = Maps(path, report.map_shapes(tests))
    return (maps[place[id]] for id in ids)


def ensemble_masks(
    members: list[Iterator[np.ndarray]], target: Target, dtype: np.dtype
) -> Iterator[np.ndarray]:
    """Yield mask_HW of each image from the mean of the members' probabilities."""
    for maps in zip(*members, strict=True):
        mean_KHW = sum(maps[1:], maps[0]) / len(maps)
        yield mask_of(mean_KHW, target).astype(dtype)
