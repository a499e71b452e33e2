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


def cost_text(parts: Sequence[MemberShare], todo: int, total: int) -> str:
    """Return, as text, the network passes that `todo` of `total` images need."""
    passes = passes_of(parts)
    factors = [f"{len(each.networks)} x {len(views_of(each.views))}" for each in parts]
    text = (
        f"predict: {counted(todo, 'image')} x {counted(passes, 'pass')} = "
        f"{counted(todo * passes, 'pass')} ({counted(len(parts), 'member')}; networks x views: "
        f"{' + '.join(factors)})"
    )
    before = total - todo
    return text + f"; {before} of {counted(total, 'image')} were finished before" * bool(before)


def members_text(parts: Sequence[MemberShare]) -> str:
    """Return the members and their passes for each image, such as `2 members (6 passes)`."""
    return f"{counted(len(parts), 'member')} ({counted(passes_of(parts), 'pass')})"


def passes_of(parts: Sequence[MemberShare]) -> int:
    """Return the number of network passes for each image."""
    return sum(len(each.networks) * len(views_of(each.views)) for each in parts)
