"""Probability maps from checkpoints, and masks from the maps of several members.

Shape suffixes: K classes, H x W pixels, h rows of a strip.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from torch import nn

from raytrain.config.steps import StepSpec
from raytrain.config.target import Target
from raytrain.data.cache import Cache
from raytrain.data.framing import Frame
from raytrain.data.report import DataReport
from raytrain.engine.parallel import current_world
from raytrain.engine.predictor import (
    Card,
    load_network,
    predicted,
    predicted_strips,
    read_card,
)
from raytrain.engine.views import IDENTITY, View
from raytrain.ensemble.oof_maps import weighted_mean
from raytrain.metrics.decide import mask_of
from raytrain.runs.maps import Maps

Strips = Iterator[np.ndarray]
"""The map of one image as strips prob_KhW, from top to bottom."""


def member_probabilities(
    checkpoint: Path, cache: Cache, ids: tuple[str, ...], views: tuple[View, ...] = (IDENTITY,)
) -> Iterator[np.ndarray]:
    """Yield prob_KHW (float32) of one member for each image, at the image's size: the mean over
    these views.

    The checkpoint describes its own network, classes and scaling. Batches depend on `ids` alone, so
    the same call gives the same bits.
    """
    for prob_KHW in predicted(*_member(checkpoint, cache, ids), views):
        yield prob_KHW.cpu().numpy()


def member_strips(
    checkpoint: Path, cache: Cache, ids: tuple[str, ...], views: tuple[View, ...] = (IDENTITY,)
) -> Iterator[Strips]:
    """Yield the same maps as `member_probabilities`, each as strips that are predicted when they
    are asked for. Take all strips of an image before the next image."""
    strips = predicted_strips(*_member(checkpoint, cache, ids), views)
    for _, of_row in groupby(strips, lambda pair: pair[0]):
        yield (prob_KhW.cpu().numpy() for _, prob_KhW in of_row)


def _member(
    checkpoint: Path, cache: Cache, ids: tuple[str, ...]
) -> tuple[nn.Module, Card, Cache, np.ndarray, Frame]:
    card = read_card(checkpoint)
    model = load_network(checkpoint).to(current_world().device)
    return model, card, cache, cache.rows(ids), Frame(card.spec.framing, cache.largest)


def given_strips(path: Path, report: DataReport, ids: tuple[str, ...]) -> Iterator[Strips]:
    """Yield the map (float32, one strip) of some test images from a file with the maps of all."""
    tests = report.ids("test")
    place = {id: number for number, id in enumerate(tests)}
    maps = Maps(path, report.map_shapes(tests))
    return (iter([maps[place[id]]]) for id in ids)


def ensemble_masks(
    members: list[Iterator[Strips]],
    weights: list[int],
    target: Target,
    steps: tuple[StepSpec, ...],
    dtype: np.dtype,
) -> Iterator[np.ndarray]:
    """Yield mask_HW of each image from the weighted mean of the members' probabilities.

    Steps look at a whole image, so with steps its mean map is in memory.
    """
    for strips in zip(*members, strict=True):
        means = (weighted_mean(maps, weights) for maps in aligned(list(strips)))
        if steps:
            yield mask_of(np.concatenate(list(means), axis=1), target, steps).astype(dtype)
        else:
            yield np.concatenate([mask_of(mean_KhW, target).astype(dtype) for mean_KhW in means])


def aligned(members: list[Strips]) -> Iterator[list[np.ndarray]]:
    """Yield prob_KhW of all members for the same rows of one image, from top to bottom.

    Members may have strips of different heights; the image's height is the same.
    """
    held = [next(strips) for strips in members]
    while held:
        height = min(prob_KhW.shape[1] for prob_KhW in held)
        yield [prob_KhW[:, :height] for prob_KhW in held]
        rest = [prob_KhW[:, height:] for prob_KhW in held]
        following = (
            prob_KhW if prob_KhW.shape[1] else next(strips, None)
            for prob_KhW, strips in zip(rest, members, strict=True)
        )
        held = [prob_KhW for prob_KhW in following if prob_KhW is not None]
        assert len(held) in (0, len(members))
