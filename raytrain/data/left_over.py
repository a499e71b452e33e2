"""Files and table rows that belong to no sample. They are reported, so that none is dropped
silently."""

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from raytrain.config.annotations import OneFileSpec
from raytrain.config.competition import CompetitionSpec
from raytrain.config.splits import TableGroupSpec, TableSplitsSpec
from raytrain.data.index import Found, composed
from raytrain.data.patterns import SIDE_FILE, filled
from raytrain.data.tables import read_table


def left_over(competition: CompetitionSpec, root: Path, samples: list[Found]) -> tuple[str, ...]:
    """Return notes about data that the job does not use: one line for each suffix of files that it
    does not use, and one line for each table with rows that name no image."""
    used = {address for sample in samples for address in (*sample.image, *sample.mask)}
    # Add the paths without the row of a stack or the name in a table.
    used |= {address.rpartition("#")[0] for address in used}
    format = competition.format
    parts = (
        format, getattr(format, "labels", format), competition.splits, competition.group,
        competition.submission,
    )  # fmt: skip
    if isinstance(format, OneFileSpec):
        used |= {filled(format.file, split=str(word)) for _, word in competition.splits}
    used |= {value for part in parts for _, value in part if isinstance(value, str)}
    real = cache(lambda folder: os.path.realpath(root / folder))
    places = {(real(os.path.dirname(address)), os.path.basename(address)) for address in used}
    kinds: dict[str, list[str]] = defaultdict(list)
    for folder, name in _files(root):
        if (real(folder), name) not in places:
            address = os.path.join(folder, name)
            kinds[_kind(address)].append(address)
    files = tuple(
        f"{len(found)} {kind if len(found) > 1 else kind.replace('files', 'file')} that the job "
        f"does not use, such as {found[0]}"
        for kind, found in sorted(kinds.items())
    )
    ids = {id for sample in samples for id in (sample.id, sample.name)}
    return files + _rows_left_over(competition, root, ids)


def _rows_left_over(competition: CompetitionSpec, root: Path, ids: set[str]) -> tuple[str, ...]:
    lines = []
    for spec in (competition.splits, competition.group):
        if isinstance(spec, TableSplitsSpec | TableGroupSpec):
            named = map(composed, read_table(root / spec.file).column(spec.id))
            strange = [id for id in dict.fromkeys(named) if id not in ids]
            if strange:
                lines.append(
                    f"{spec.file}: {len(strange)} ids without an image, such as {strange[0]!r}"
                )
    return tuple(dict.fromkeys(lines))


def _kind(address: str) -> str:
    path = Path(address)
    if path.name.startswith(SIDE_FILE):
        return f"side files of macOS ({SIDE_FILE}*)"
    return f"{path.suffix.lower()} files" if path.suffix else "files without a suffix"


def _files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder (relative to the root) and the name of each file once. Links are
    followed."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort(key=lambda name: (os.path.islink(os.path.join(folder, name)), name))
        below = os.path.relpath(folder, root)
        yield from (("" if below == "." else below, name) for name in sorted(files))
