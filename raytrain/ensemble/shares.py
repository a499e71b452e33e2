"""The networks and maps over which an ensemble takes the mean, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from pathlib import Path

from raytrain.config.predict import ViewGroup
from raytrain.engine.views import View, views_of
from raytrain.runs.ensemble import Ensemble
from raytrain.runs.joined import JoinedDir
from raytrain.runs.messages import counted


@dataclass(frozen=True)
class MemberShare:
    """A member: its weight in the mean, and its networks or a teammate's maps."""

    weight: int
    views: tuple[ViewGroup, ...]
    networks: tuple[Path, ...]
    """Paths of the networks' checkpoints; empty for a teammate."""
    maps: Path | None = None
    """A teammate's maps of the test images."""


@dataclass(frozen=True)
class NetworkShare:
    """A network, with its weight in the ensemble's mean."""

    checkpoint: Path
    views: tuple[View, ...]
    weight: int


@dataclass(frozen=True)
class GivenShare:
    """A teammate's maps of the test images, with their weight in the mean."""

    maps: Path
    weight: int


def parts_of(ensemble: Ensemble, folder: Path) -> list[MemberShare]:
    """Return the members of a run's ensemble; `folder` is the folder of the run."""
    return [
        MemberShare(
            weight,
            views,
            tuple(folder / network.checkpoint for network in member.networks),
            None if member.maps is None else JoinedDir(folder / member.maps).test,
        )
        for member, weight, views in ensemble.members
    ]


def shares(parts: Sequence[MemberShare]) -> tuple[tuple[NetworkShare, ...], tuple[GivenShare, ...]]:
    """Return each network and each teammate's maps, with their weights in the ensemble's mean.

    A member's weight is divided equally between its networks.
    """
    most = lcm(*(max(1, len(part.networks)) for part in parts))
    networks = [
        NetworkShare(path, views_of(part.views), part.weight * most // len(part.networks))
        for part in parts
        for path in part.networks
    ]
    given = [GivenShare(part.maps, part.weight * most) for part in parts if part.maps is not None]
    return tuple(networks), tuple(given)


def cost_text(parts: Sequence[MemberShare]) -> str:
    """Return the numbers of members, networks and passes as text."""
    networks = sum(len(part.networks) for part in parts)
    passes = sum(len(part.networks) * len(views_of(part.views)) for part in parts)
    members, of_image = counted(len(parts), "member"), counted(passes, "pass")
    return f"{members} with {counted(networks, 'network')}, {of_image} for each image"
