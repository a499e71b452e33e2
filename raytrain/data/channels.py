"""Images of several files, one for each channel."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from raytrain.data.index import natural_key
from raytrain.data.patterns import Match

CHANNEL = "channel"
"""The name of the part in which the paths of an image's files differ."""


@dataclass(frozen=True)
class Planes:
    """One image, and its files: one file, or one for each channel."""

    fields: dict[str, str]
    """The parts of the files' paths, without the channel."""
    files: dict[str, str]
    """Channel -> address. Without `{channel}`, the empty text -> the only file."""


def planes_of(matches: Iterable[Match]) -> list[Planes]:
    """Return the images to which these files belong, in the order of their first files. Files whose
    paths differ only in `{channel}` are one image."""
    found: dict[tuple[tuple[str, str], ...], Planes] = {}
    for match in matches:
        fields = {part: text for part, text in match.fields.items() if part != CHANNEL}
        planes = found.setdefault(tuple(fields.items()), Planes(fields, {}))
        planes.files[match.fields.get(CHANNEL, "")] = match.address
    return [*found.values()]


def usual_channels(images: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the channels that most images have, in natural order."""
    counts = Counter(tuple(sorted(files, key=natural_key)) for files in images)
    return counts.most_common(1)[0][0] if counts else ()


def channel_problem(files: Mapping[str, str], channels: Sequence[str], given: bool) -> str | None:
    """Return how an image's channels differ from `channels`, or None. If the job gives the channels
    (`given`), other channels are no problem."""
    lacking = [channel for channel in channels if channel not in files]
    if lacking:
        return f"there is no file of channel {', '.join(lacking)} beside it; add it"
    others = [channel for channel in files if channel not in channels]
    if others and not given:
        return (
            f"most images have no channel {', '.join(others)}; remove the file, or list the "
            "channels to use in competition.format.channels"
        )
    return None
