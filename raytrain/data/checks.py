"""Read every file of a competition once. The result is a DataReport or a list of every problem."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.codes import CodedError
from raytrain.config.competition import CompetitionSpec
from raytrain.config.errors import number_of, shortened
from raytrain.config.fault import Fault, faults_of
from raytrain.config.splits import OwnGroupSpec
from raytrain.data.bare_truth import without_bare_truth
from raytrain.data.describe import describe
from raytrain.data.duplicates import near_duplicates
from raytrain.data.find import find_samples
from raytrain.data.guess.beginnings import ENOUGH, OWN
from raytrain.data.guess.groups import group_of_images
from raytrain.data.guess.written import flow
from raytrain.data.header import declared_values
from raytrain.data.index import Found
from raytrain.data.left_over import left_over
from raytrain.data.report import DataReport
from raytrain.data.seen import Seen, see
from raytrain.data.shown_classes import class_problems
from raytrain.data.source import local_folder
from raytrain.data.splits import group_text
from raytrain.data.threads import in_threads
from raytrain.data.working import working
from raytrain.runs.messages import counted

LONGEST_ID = 255 - len("..12345678.png.png")
"""Largest number of bytes of an id. File systems allow 255 for a name, and the temporary name of a
mask needs some of them."""
NEAR_LIMIT = 30_000
"""Largest number of images for the search for near-duplicates: its time grows with their square."""


@dataclass(frozen=True)
class Inspected:
    """The results of reading all data, and the problems."""

    seen: list[Seen]
    equal: list[tuple[int, int]]
    """Pairs of indices into `seen` whose images are equal."""
    near: list[tuple[int, int]]
    """Pairs of indices into `seen` whose images are nearly equal."""
    problems: list[str]
    notes: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    """The notes about test images that are taken for images without truth."""


def inspect(competition: CompetitionSpec) -> DataReport:
    """Find, decode and verify all data of a competition, and return the report. Raises ValueError
    that lists every problem found."""
    found, root = read_all(competition), local_folder(competition.data)
    pairs = found.equal + found.near
    if found.problems:
        count = counted(number_of(found.problems), "problem")
        lines = [f"{root}: {count} in the data", *shortened(found.problems)]
        if _leaks(found.seen, pairs):
            lines += _group_note(competition, root, found.seen, pairs)
        raise CodedError("data", "\n  ".join(lines), found.problems)
    notes = (*found.notes, *_group_note(competition, root, found.seen, pairs))
    with working("comparing train with test images"):
        return describe(competition, found.seen, found.equal, found.near, notes)


def read_all(competition: CompetitionSpec) -> Inspected:
    """Find, decode and verify all data of a competition, and return the facts about each image, the
    equal images, and every problem. Problems of the data raise no error here."""
    root = local_folder(competition.data)
    with working("looking for files"):
        found = find_samples(competition, root)
    samples, problems = found.samples, found.problems
    seen: list[Seen] = []
    for each, wrong in _read(competition, root, samples, found.groups):
        seen += [each] if each else []
        problems += wrong
    problems += [
        Fault(
            root / sample.image[0],
            f"its name has {length} bytes, but raytrain names files after it and can use at most "
            f"{LONGEST_ID}; shorten it",
        )
        for sample in samples
        if (length := len(sample.id.encode())) > LONGEST_ID
    ]
    problems += _kind_problems(seen) + _group_problems(seen, group_text(competition.group))
    with working("comparing images"):
        equal, near = _duplicates(seen)
    if competition.accept_leaks is None:
        problems += _leak_problems(seen, equal + near)
    unseen: tuple[str, ...] = ()
    if not problems:
        problems, unseen = class_problems(competition, seen)
    seen, assumed = without_bare_truth(seen)
    notes = (*found.notes, *unseen, *assumed)
    if not problems:
        notes += left_over(competition, root, [*samples, *found.left_out])
    return Inspected(seen, equal, near, problems, notes, assumed)


def _read(
    competition: CompetitionSpec, root: Path, samples: list[Found], groups: dict[str, str]
) -> list[tuple[Seen | None, list[str]]]:
    """Read all samples in threads. Returns, for each sample, what was read, or None and the
    problems."""

    def read(sample: Found) -> tuple[Seen | None, list[str]]:
        try:
            return see(competition, root, sample, groups[sample.id]), []
        except ValueError as error:
            return None, faults_of(error, [root / each for each in (*sample.image, *sample.mask)])

    def size(sample: Found) -> int:
        return sum(declared_values(root, address) for address in sample.image)

    return in_threads("reading the data", read, samples, size)


def _kind_problems(seen: list[Seen]) -> list[str]:
    """Return a problem for each image that differs from most images in channels or type."""
    if not seen:
        return []
    usual = Counter(sample.kind for sample in seen).most_common(1)[0][0]
    return [
        Fault(
            s.row["id"],
            f"{counted(s.kind[0], 'channel')} of {s.kind[1]}, but most images have {usual[0]} of "
            f"{usual[1]}; convert it",
        )
        for s in seen
        if s.kind != usual
    ]


def _group_problems(seen: list[Seen], rule: str) -> list[str]:
    """Return a problem for each group with images in both train and val, because scores would be
    too good."""
    splits: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sample in seen:
        splits[sample.row["group"]][sample.row["split"]].append(sample.row["id"])
    return [
        f"group {group!r} ({rule}) is in two splits: {found['train'][0]!r} is in train, "
        f"{found['val'][0]!r} in val; move one, or correct competition.group"
        for group, found in splits.items()
        if found["train"] and found["val"]
    ]


def _duplicates(seen: list[Seen]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of indices into `seen` whose images are equal pixel by pixel, and those
    whose images are nearly equal."""
    same: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(seen):
        same[sample.image_digest].append(place)
    equal = [(first, other) for first, *others in same.values() for other in others]
    # One of each: copies of one picture are not all compared again.
    firsts = [places[0] for places in same.values()]
    shapes = {seen[place].signature.shape for place in firsts}
    if not 2 <= len(firsts) <= NEAR_LIMIT or len(shapes) != 1:
        return equal, []
    found = near_duplicates(np.stack([seen[place].signature for place in firsts]))
    return equal, [(firsts[a], firsts[b]) for a, b in found]


def _leak_problems(seen: list[Seen], pairs: list[tuple[int, int]]) -> list[str]:
    return [
        f"{a['id']!r} ({a['split']}) and {b['id']!r} ({b['split']}) are the same picture; remove "
        "one, or give the reason in competition.accept_leaks"
        for a, b in _leaks(seen, pairs)
    ]


def _leaks(
    seen: list[Seen], pairs: list[tuple[int, int]]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return, for each pair with one image in train and one in val, the rows of both images."""
    rows = [(seen[first].row, seen[other].row) for first, other in pairs]
    return [(a, b) for a, b in rows if {a["split"], b["split"]} == {"train", "val"}]


def _group_note(
    competition: CompetitionSpec, root: Path, seen: list[Seen], pairs: list[tuple[int, int]]
) -> tuple[str, ...]:
    """Return a note with the YAML line that keeps near-duplicates together, or no note.

    `pairs` are indices into `seen`. There is no note if the job names a group, or if neither names
    nor images show a rule that every image follows.
    """
    if not pairs or not isinstance(competition.group, OwnGroupSpec):
        return ()
    guess = group_of_images(seen, pairs)
    if guess.value == OWN.value:
        return ()
    tree = competition.model_dump(mode="json") | {"group": guess.value}
    before, after = (
        find_samples(CompetitionSpec.model_validate(each), root)
        for each in (competition.model_dump(mode="json"), tree)
    )
    if len(after.problems) > len(before.problems):
        return ()
    groups = [[after.groups[seen[place].row["id"]] for place in pair] for pair in pairs]
    together = sum(first == other for first, other in groups)
    if together < ENOUGH * len(pairs):
        return ()
    return (
        f"{together} of {len(pairs)} pairs of nearly equal images are in the same group by their "
        f"names ({guess.why}); so that folds do not divide these groups, write under competition: "
        f"group: {flow(guess.value)}",
    )
