"""The work of a competition's notebook: predict a hidden folder of test images and write the CSV
within the time limit."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from raytrain.data.new_images import FoundImages, NewImage, find_images
from raytrain.ensemble.afford import affordable, member_seconds
from raytrain.ensemble.new_maps import new_strips, shards_of
from raytrain.ensemble.prediction import load_share
from raytrain.ensemble.shares import MemberShare, shares
from raytrain.ensemble.source import Source, open_source
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.bundle import FILE, Bundle
from raytrain.runs.messages import counted, say, warn
from raytrain.submission.table import Row, build_table, write_table

LIMIT_H = 9.0
"""Number of hours that Kaggle gives a notebook."""
MARGIN = 1.25
"""Factor on estimates of time, because other work on the machine may slow the prediction."""


def predict_hidden(
    images: Path, bundle: Path, csv: Path, limit_h: float = LIMIT_H, trust: bool = False
) -> None:
    """Write the CSV for all images of a folder, whatever their number and sizes.

    An image that cannot be read or predicted gets blank rows and a warning. Members with the
    smallest weights are left out if the estimate exceeds the limit. `trust` allows running the
    Python files in the bundle. Raises ValueError for a missing folder, for two images of one name,
    and for a damaged bundle.
    """
    start = time.monotonic()
    source = open_source(bundle, trust)
    content = source.bundle
    dialect = content.submission
    if dialect is None:
        raise ValueError(
            f"{bundle}: its run has no job, so the CSV's dialect is not known; write a bundle of a "
            "run with a job"
        )
    found = find_images([str(images)], source.kind)
    if found.problems:
        raise ValueError("\n".join(found.problems))
    for place in found.empty:
        warn(f"{place}: there is no image in it")
    if found.skipped:
        warn(found.skipped_text)
    for id, problem in found.unreadable.items():
        warn(f"{id}: blank rows, because it cannot be predicted: {problem}")
    sizes = Counter(image.size_HW for image in found.images)
    blank_HW = np.zeros(sizes.most_common(1)[0][0] if sizes else (1, 1), np.uint8)
    parts = _in_time(source, found, start + 3600 * limit_h) if found.images else []
    rows: dict[str, list[Row]] = {}
    for id, mask_HW in _masks(parts, content, found.images):
        rows[id] = build_table([(id, mask_HW)], content.classes, dialect, content.target)
    blank = [id for id in found.ids if id not in rows]
    for id in blank:
        rows[id] = build_table([(id, blank_HW)], content.classes, dialect, content.target)
    write_table(csv, [row for id in found.ids for row in rows[id]], dialect)
    count = counted(len(found.ids), "image") + f", {len(blank)} of them blank" * bool(blank)
    say(f"written: {csv}, {count} ({time.monotonic() - start:.0f} s)")


def _masks(
    parts: list[MemberShare], content: Bundle, images: Sequence[NewImage]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield id and mask_HW of each image that the networks can take, and say why others are
    blank."""
    networks = [load_share(each) for each in shares(parts)[0]]
    for part in shards_of(networks, images):
        left = {image.id: image for image in part}
        try:
            for image, strips in new_strips(networks, content, part):
                yield image.id, mask_of_strips(strips, image.size_HW, content.target, content.steps)
                del left[image.id]
        except ValueError as error:
            warn(f"{', '.join(left)}: blank rows, because they cannot be predicted: {error}")


def find_bundle(folder: Path) -> Path:
    """Return the folder of the only bundle below `folder`. Raises ValueError if there is none, or
    more than one."""
    found = sorted(path.parent for path in folder.rglob(FILE))
    if len(found) != 1:
        listed = ", ".join(map(str, found)) or "none"
        raise ValueError(f"{folder}: attach one unpacked bundle to the notebook (found: {listed})")
    return found[0]


def _in_time(source: Source, found: FoundImages, end: float) -> list[MemberShare]:
    """Return the members that can predict until this time, and print which ones are left out."""
    parts, members = source.parts, source.bundle.members
    try:
        seconds = [MARGIN * member_seconds(part, source.bundle, found.images) for part in parts]
    except ValueError as error:
        warn(f"the time cannot be estimated, so no member is left out: {error}")
        return parts
    available = end - time.monotonic()
    kept = affordable(seconds, [part.weight for part in parts], available)
    say(
        f"estimate: {_hours(sum(seconds))} for {counted(len(found.images), 'image')} with "
        f"{counted(len(parts), 'member')}; {_hours(max(0, available))} are left"
    )
    for place, member in enumerate(members):
        if place not in kept:
            warn(f"{member.name} (weight {member.weight}) is left out, to keep the time limit")
    rest = sum(seconds[place] for place in kept)
    if len(kept) < len(parts):
        say(f"estimate without them: {_hours(rest)}")
    if rest > available:
        warn("even one member may take longer than the time limit; bundle a smaller ensemble")
    return [parts[place] for place in kept]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h"
