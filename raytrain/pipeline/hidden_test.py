"""The work of a competition's notebook: predict a hidden folder of test images and write the CSV
within the time limit."""

import time
from collections import Counter
from pathlib import Path

import numpy as np

from raytrain.data.new_images import FoundImages, find_images
from raytrain.ensemble.afford import affordable, member_seconds
from raytrain.ensemble.new_maps import new_strips
from raytrain.ensemble.prediction import load_share
from raytrain.ensemble.shares import MemberShare, shares
from raytrain.ensemble.source import Source, open_source
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.bundle import FILE, Bundle
from raytrain.runs.messages import say, warn
from raytrain.submission.table import Row, build_table, write_table

LIMIT_H = 9.0
"""Number of hours that Kaggle gives a notebook."""
MARGIN = 1.25
"""Factor on estimates of time, because other work on the machine may slow the prediction."""


def predict_hidden(
    images: Path, bundle: Path, csv: Path, limit_h: float = LIMIT_H, trust: bool = False
) -> None:
    """Write the CSV for all images of a folder, whatever their number and sizes.

    An unreadable image gets blank rows and a warning. Members with the smallest weights are left
    out if the estimate exceeds the limit. `trust` allows running the Python files in the bundle.
    Raises ValueError for a missing folder, for two images of one name, and for a damaged bundle.
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
    for id, problem in found.unreadable.items():
        warn(f"{id}: blank rows, because it cannot be predicted: {problem}")
    rows = _blank_rows(found, content)
    parts = _in_time(source, found, start + 3600 * limit_h) if found.images else []
    networks = [load_share(each) for each in shares(parts)[0]]
    for image, strips in new_strips(networks, content, found.images):
        masks = [(image.id, mask_of_strips(strips, image.size_HW, content.target, content.steps))]
        rows[image.id] = build_table(masks, content.classes, dialect, content.target)
    write_table(csv, [row for id in found.ids for row in rows[id]], dialect)
    blank = f", {len(found.unreadable)} of them blank" * bool(found.unreadable)
    say(f"written: {csv}, {len(found.ids)} images{blank} ({time.monotonic() - start:.0f} s)")


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
    seconds = [MARGIN * member_seconds(part, source.bundle, found.images) for part in parts]
    available = end - time.monotonic()
    kept = affordable(seconds, [part.weight for part in parts], available)
    say(
        f"estimate: {_hours(sum(seconds))} for {len(found.images)} images with {len(parts)} "
        f"members; {_hours(max(0, available))} are left"
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


def _blank_rows(found: FoundImages, bundle: Bundle) -> dict[str, list[Row]]:
    """Return the rows of the unreadable images. Their size is taken to be the most frequent one."""
    assert bundle.submission is not None
    sizes = Counter(image.size_HW for image in found.images)
    blank_HW = np.zeros(sizes.most_common(1)[0][0] if sizes else (1, 1), np.uint8)
    return {
        id: build_table([(id, blank_HW)], bundle.classes, bundle.submission, bundle.target)
        for id in found.unreadable
    }


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h"
