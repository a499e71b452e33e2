"""The work of a competition's notebook: predict a hidden folder of test images and write the CSV
within the time limit."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from raytrain.data.new_images import NewImage, find_images
from raytrain.ensemble.afford import Pace, affordable
from raytrain.ensemble.new_maps import new_strips, parts_of
from raytrain.ensemble.prediction import LoadedShare, load_share
from raytrain.ensemble.shares import MemberShare, cost_text, members_text, passes_of, shares
from raytrain.ensemble.source import Source, open_source
from raytrain.metrics.decide import mask_of_strips
from raytrain.runs.bundle import FILE, Bundle
from raytrain.runs.messages import counted, say, warn
from raytrain.submission.table import Row, build_table, write_table

LIMIT_H = 9.0
"""Number of hours that Kaggle gives a notebook."""
MARGIN = 1.25
"""Factor on estimates of time, because other work on the machine may slow the prediction."""
RESERVE = 0.03
"""Share of the time limit for the work before and after prediction, such as installing wheels."""


def predict_hidden(
    images: Path,
    bundle: Path,
    csv: Path,
    limit_h: float = LIMIT_H,
    trust: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Write the CSV for all images of a folder or a pattern, whatever their number and sizes.

    An image that cannot be read or predicted gets blank rows and a warning. Members with the
    smallest weights are left out as soon as the estimate for the remaining images exceeds the
    limit. Images for which even one network is too slow get blank rows. `trust` allows running the
    Python files in the bundle. Raises ValueError for a missing folder, for a folder that has images
    only in subfolders, for two images of one name, and for a damaged bundle.
    """
    start = clock()
    source = open_source(bundle, trust)
    content = source.bundle
    dialect = content.submission
    if dialect is None:
        raise ValueError(
            f"{bundle}: its run has no job, so the CSV's dialect is not known; write a bundle of a "
            "run with a job"
        )
    found = find_images([str(images)], source.kind)
    problems = [*found.problems]
    if not found.ids and any(path.endswith("/") for path in found.skipped):
        problems.append(f"{images}: images are only in its subfolders; give a pattern, such as "
                        f"{images / '*' / '*'}")  # fmt: skip
    if problems:
        raise ValueError("\n".join(problems))
    for place in found.empty:
        warn(f"{place}: no image is there")
    if found.skipped:
        warn(found.skipped_text)
    for id, problem in found.unreadable.items():
        warn(f"{id}: blank rows, because it cannot be predicted: {problem}")
    sizes = Counter(image.size_HW for image in found.images)
    blank_HW = np.zeros(sizes.most_common(1)[0][0] if sizes else (1, 1), np.uint8)
    end = start + 3600 * limit_h * (1 - RESERVE)
    rows: dict[str, list[Row]] = {}
    for id, mask_HW in _masks(source, found.images, end, clock) if found.images else ():
        rows[id] = build_table([(id, mask_HW)], content.classes, dialect, content.target)
    blank = [id for id in found.ids if id not in rows]
    for id in blank:
        rows[id] = build_table([(id, blank_HW)], content.classes, dialect, content.target)
    write_table(csv, [row for id in found.ids for row in rows[id]], dialect)
    count = counted(len(found.ids), "image") + f", {len(blank)} of them blank" * bool(blank)
    say(f"written: {csv}, {count} ({clock() - start:.0f} s)")


def _masks(
    source: Source, images: Sequence[NewImage], end: float, clock: Callable[[], float]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield id and mask_HW of each image that can be predicted until `end`, and print why others
    are blank, and which members predicted how many images."""
    members, content = source.parts, source.bundle
    networks = {each.checkpoint: load_share(each) for each in shares(members)[0]}
    parts = [*parts_of([*networks.values()], images)]
    pace, done = Pace(networks, parts), Counter[str]()
    _measure(pace, source, images, end, clock)
    for place, part in enumerate(parts):
        kept = affordable(members, partial(pace.seconds, first=place), (end - clock()) / MARGIN)
        if kept != members:
            _warn_of_less(source, members, kept, sum(map(len, parts[:place])))
            members = kept
        if sum(pace.seconds(each, place, place + 1) for each in members) > end - clock():
            rest = counted(sum(map(len, parts[place:])), "image")
            reason = "even one network would pass the time limit; bundle a smaller ensemble"
            warn(f"{rest}: blank rows, because {reason}")
            break
        start = clock()
        count = yield from _predicted(_weighted(networks, members), content, part)
        done[members_text(members)] += count
        if count == len(part):
            pace.correct(members, place, clock() - start)
    listed = ", ".join(f"{counted(count, 'image')} with {by}" for by, count in done.items())
    say(f"predicted: {listed or counted(0, 'image')}")


def _predicted(
    networks: Sequence[LoadedShare], content: Bundle, part: Sequence[NewImage]
) -> Generator[tuple[str, np.ndarray], None, int]:
    """Yield id and mask_HW of each image that the networks can take, and print why others are
    blank; returns the number of predicted images."""
    left = {image.id: image for image in part}
    try:
        for image, strips in new_strips(networks, content, part):
            yield image.id, mask_of_strips(strips, image.size_HW, content.target, content.steps)
            del left[image.id]
    except ValueError as error:
        warn(f"{', '.join(left)}: blank rows, because they cannot be predicted: {error}")
    return len(part) - len(left)


def _weighted(
    networks: dict[Path, LoadedShare], members: Sequence[MemberShare]
) -> list[LoadedShare]:
    """Return the networks of these members, with their weights in the mean of these members."""
    return [
        replace(networks[each.checkpoint], views=each.views, weight=each.weight)
        for each in shares(members)[0]
    ]


def find_bundle(folder: Path) -> Path:
    """Return the folder of the only bundle below `folder`. Raises ValueError if there is none, or
    more than one."""
    found = sorted(path.parent for path in folder.rglob(FILE))
    if len(found) != 1:
        listed = ", ".join(map(str, found)) or "none"
        raise ValueError(f"{folder}: attach one unpacked bundle to the notebook (found: {listed})")
    return found[0]


def _measure(
    pace: Pace, source: Source, images: Sequence[NewImage], end: float, clock: Callable[[], float]
) -> None:
    """Measure the pace of all members, and print how long all images take."""
    members = source.parts
    say(cost_text(members, len(images), len(images)))
    try:
        pace.measure(members, source.bundle, images, clock)
    except ValueError as error:
        warn(f"the time can be estimated only after the first images: {error}")
        return
    seconds = MARGIN * sum(pace.seconds(each, 0) for each in members)
    say(f"estimate: {_hours(seconds)}; {_hours(max(0, end - clock()))} are left")


def _warn_of_less(
    source: Source, before: Sequence[MemberShare], kept: Sequence[MemberShare], done: int
) -> None:
    """Print which members are left out from the next image on, or which passes of the last one."""
    when = f" from image {done + 1} on" if done else ""
    names = {
        part.networks[0]: each.name
        for part, each in zip(source.parts, source.bundle.members, strict=True)
    }
    remaining = {each.networks[0] for each in kept}
    for each in before:
        if each.networks[0] not in remaining:
            name = names[each.networks[0]]
            warn(f"{name} (weight {each.weight}) is left out{when}, to keep the time limit")
    if kept[0] not in before:
        name, passes = names[kept[0].networks[0]], counted(passes_of(kept), "pass")
        warn(f"{name} predicts with {passes} for each image{when}, to keep the time limit")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h"
