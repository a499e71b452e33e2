"""Probability maps from checkpoints, and the mean maps of several members.

Shape suffixes: K classes, H x W pixels, h rows of a strip.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import nn

from raytrain.data.cache import Cache
from raytrain.data.report import DataReport
from raytrain.engine.parallel import current_world
from raytrain.engine.predictor import (
    Card,
    frame_of,
    load_network,
    predicted,
    predicted_strips,
    read_card,
)
from raytrain.engine.views import IDENTITY, View
from raytrain.ensemble.oof_maps import weighted_mean
from raytrain.ensemble.shares import NetworkShare
from raytrain.runs.maps import Maps
from raytrain.runs.mirror import bring

SHARD = 32
"""Number of images that are batched together. After a kill, all images of such a part are predicted
again."""
Strips = Iterator[np.ndarray]
"""The map of one image as strips prob_KhW, from top to bottom."""


def member_probabilities(
    checkpoint: Path, cache: Cache, ids: tuple[str, ...], views: tuple[View, ...] = (IDENTITY,)
) -> Iterator[np.ndarray]:
    """Yield prob_KHW (float32) of one member for each image, at the image's size: the mean over
    these views.

    The checkpoint describes its network, classes and scaling. Batches depend on `ids` alone, so the
    same call gives the same bits.
    """
    member = load_share(NetworkShare(checkpoint, views, 1))
    rows, frame = cache.rows(ids), frame_of(member.card, cache.largest)
    for prob_KHW in predicted(member.network, member.card, cache, rows, frame, views):
        yield prob_KHW.cpu().numpy()


def _by_image(strips: Iterator[tuple[int, torch.Tensor]]) -> Iterator[Strips]:
    for _, of_row in groupby(strips, lambda pair: pair[0]):
        yield (prob_KhW.cpu().numpy() for _, prob_KhW in of_row)


@dataclass(frozen=True)
class LoadedShare:
    """A loaded network, with its weight in the mean."""

    network: nn.Module
    card: Card
    views: tuple[View, ...]
    weight: int


def load_share(share: NetworkShare) -> LoadedShare:
    """Return the network of a share, loaded to this process's device."""
    bring(share.checkpoint.with_suffix(".json"))
    network = load_network(share.checkpoint).to(current_world().device)
    return LoadedShare(network, read_card(share.checkpoint), share.views, share.weight)


def mean_strips(
    networks: Sequence[LoadedShare],
    cache: Cache,
    rows: np.ndarray,
    given: Sequence[tuple[Iterator[Strips], int]] = (),
) -> Iterator[Strips]:
    """Yield the weighted mean map of each image in these rows. Take all strips of an image before
    the next image.

    `given` holds maps from elsewhere with their weights. All predictions of ensembles are made by
    this function. Batches depend on `rows` alone, so the same call gives the same bits.
    """
    maps = [
        _by_image(
            predicted_strips(
                each.network, each.card, cache, rows, frame_of(each.card, cache.largest), each.views
            )
        )
        for each in networks
    ]
    weights = [each.weight for each in networks] + [weight for _, weight in given]
    return means([*maps, *(strips for strips, _ in given)], weights)


def given_strips(path: Path, report: DataReport, ids: tuple[str, ...]) -> Iterator[Strips]:
    """Yield the map (float32, one strip) of each of these test images, from a file with the maps of
    all test images."""
    tests = report.ids("test")
    place = {id: number for number, id in enumerate(tests)}
    bring(path)
    maps = Maps(path, report.map_shapes(tests))
    return (iter([maps[place[id]]]) for id in ids)


def means(members: Sequence[Iterator[Strips]], weights: Sequence[int]) -> Iterator[Strips]:
    """Yield the weighted mean map of each image."""
    for strips in zip(*members, strict=True):
        yield (weighted_mean(maps, weights) for maps in aligned(list(strips)))


def aligned(members: list[Strips]) -> Iterator[list[np.ndarray]]:
    """Yield prob_KhW of all members for the same rows of one image, from top to bottom.

    The strips of different members may have different heights.
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
