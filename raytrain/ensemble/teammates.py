"""`ensemble`: add a teammate's out-of-fold and test maps to the mean, or remove them.

A folder holds `member.json` (`MemberCard`), `oof/` with a map for each labeled image, and `test/`
with a map for each test image (`ensemble/teammate_maps.py`). Everything is verified before anything
is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from raytrain.config.base import FOLDER_NAME, Spec
from raytrain.config.errors import problems_of, unknown_name
from raytrain.data.folds import Folds
from raytrain.data.report import DataReport
from raytrain.engine.trial import Samples
from raytrain.ensemble.teammate_maps import GivenMaps, listed, rows_and_columns_swapped
from raytrain.runs.files import sha256_of, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.joined import Joined, joined_dir, read_joined
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import write_maps
from raytrain.runs.mirror import remove, remove_folder

CARD = "member.json"


class MemberCard(Spec):
    """`member.json`: the name of the member, and for each image the fold that held it out."""

    name: str = Field(pattern=FOLDER_NAME)
    folds: str
    """The `hash` in the run's folds.json."""
    fold_of: dict[str, int]
    """Labeled image -> the number of the fold, counted from 0, that held out the image when its
    out-of-fold map was made."""


@dataclass(frozen=True)
class Arrival:
    """A teammate's verified folder, whose maps will be added."""

    folder: Path
    card: MemberCard
    oof: GivenMaps
    test: GivenMaps

    @cached_property
    def sources(self) -> dict[str, str]:
        """Path of a file in the folder -> its SHA-256."""
        parts = {f"oof/{name}": digest for name, digest in self.oof.digests().items()}
        return parts | {f"test/{name}": digest for name, digest in self.test.digests().items()}

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.sources)


def change(
    run: RunDir, samples: Samples, folds: Folds, add: list[Path], remove: list[str]
) -> list[str]:
    """Add the maps in the folders `add` to a run, and remove those of the teammates in `remove`;
    returns one message for each.

    Adding the same folder again changes nothing. Raises ValueError that lists every problem, and
    then nothing is changed.
    """
    there = read_joined(run)
    problems = [
        f"--remove: {unknown_name(name, there)}" if there else f"--remove {name}: no maps added yet"
        for name in remove
        if name not in there
    ]
    arrivals = []
    for folder in add:
        try:
            arrivals.append(_arrival(folder, samples, folds))
        except ValueError as error:
            problems.append(str(error))
    staying = {name: joined for name, joined in there.items() if name not in remove}
    new = _new(arrivals, staying, problems)
    if problems:
        raise ValueError("no maps were added or removed:\n  " + "\n  ".join(problems))
    for name in remove:
        _leave(run, name)
    for arrival in new:
        _join(run, arrival, samples.report, folds)
    return [
        *(f"{name}: maps removed" for name in remove),
        *(
            f"{arrival.card.name}: added {len(arrival.oof.ids)} out-of-fold maps and "
            f"{len(arrival.test.ids)} test maps"
            if arrival in new
            else f"{arrival.card.name}: the same maps were added before, so nothing changes"
            for arrival in arrivals
        ),
    ]


def _arrival(folder: Path, samples: Samples, folds: Folds) -> Arrival:
    """Verify a folder and return its content. Raises ValueError that lists every problem."""
    report = samples.report
    problems: list[str] = []
    card = _card(folder, folds, report, problems)
    oof_ids = tuple(id for part in folds.val_ids for id in part)
    parts = []
    for name, ids in (("oof", oof_ids), ("test", report.ids("test"))):
        try:
            maps = GivenMaps(folder / name, ids, report)
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += maps.problems()
        parts.append(maps)
    if card is None or problems:
        raise ValueError("\n  ".join(problems))
    oof, test = parts
    if report.target == "single_label" and rows_and_columns_swapped(
        _pairs(oof, samples), len(report.classes)
    ):
        raise ValueError(
            f"{oof.folder}: the maps fit the masks far better with rows and columns swapped; "
            "write them as K,H,W, rows from top to bottom"
        )
    return Arrival(folder, card, oof, test)


def _pairs(oof: GivenMaps, samples: Samples) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = samples.cache.rows(oof.ids)
    for prob_KHW, row in zip(oof.maps(), rows, strict=True):
        yield prob_KHW, samples.cache.mask(int(row))


def _card(folder: Path, folds: Folds, report: DataReport, problems: list[str]) -> MemberCard | None:
    """Return the card, or None if its file is missing or has wrong fields. Its problems are
    appended to `problems`."""
    path = folder / CARD
    if not path.is_file():
        problems.append(
            f"{path}: missing; write it with the keys name, folds (the hash in the "
            "run's folds.json) and fold_of"
        )
        return None
    try:
        card = MemberCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problems += problems_of(error, MemberCard, f"{path}: ")
        return None
    if card.folds != folds.hash:
        problems.append(
            f"{path}: folds: the maps were made on folds {card.folds}, this run's are "
            f"{folds.hash}; train on the val_ids of its folds.json"
        )
    held = {id: fold for fold, ids in enumerate(folds.val_ids) for id in ids}
    for text, ids in (
        ("lacks", held.keys() - card.fold_of.keys()),
        ("lists names that are not labeled images:", card.fold_of.keys() - held.keys()),
    ):
        if ids:
            problems.append(f"{path}: fold_of: {text} {listed(sorted(ids))}")
    group = dict(zip(report.samples["id"], report.samples["group"], strict=True))
    leaks = [
        f"{id} (group {group[id]}: fold_of says {fold}, but fold {held[id]} holds it out)"
        for id, fold in card.fold_of.items()
        if id in held and fold != held[id]
    ]
    if leaks:
        problems.append(
            f"{path}: fold_of: leak: {len(leaks)} maps come from a model that saw the image's "
            f"group: {listed(leaks)}; make each map with the model of the fold that holds the "
            "image out"
        )
    return card


def _new(arrivals: list[Arrival], there: dict[str, Joined], problems: list[str]) -> list[Arrival]:
    """Return the arrivals whose maps the run does not have yet. Appends a problem for each one
    whose name has other maps, and for each one whose maps have another name."""
    known = {name: joined.fingerprint for name, joined in there.items()}
    new = []
    for arrival in arrivals:
        name, maps = arrival.card.name, arrival.fingerprint
        if known.get(name) == maps:
            continue
        if name in known:
            problems.append(
                f"{arrival.folder}: other maps of {name} were added before; --remove {name} first, "
                f"or change the name in {CARD}"
            )
        elif maps in known.values():
            twin = next(other for other, theirs in known.items() if theirs == maps)
            problems.append(
                f"{arrival.folder}: the same maps were added before as {twin}; --remove {twin} "
                "first, or leave this folder out"
            )
        else:
            known[name] = maps
            new.append(arrival)
    return new


def _join(run: RunDir, arrival: Arrival, report: DataReport, folds: Folds) -> None:
    """Copy a teammate's maps to the run as float16, and write their record last."""
    name = arrival.card.name
    target = joined_dir(run, name)
    remove_folder(target.path)
    for fold, ids in enumerate(folds.val_ids):
        write_maps(target.oof(fold), map(arrival.oof.read, ids), report.map_shapes(ids))
    write_maps(target.test, arrival.test.maps(), arrival.test.shapes)
    record = Joined(
        name=name,
        fingerprint=arrival.fingerprint,
        folds=folds.hash,
        data=report.fingerprint,
        source=str(arrival.folder.absolute()),
        sources={CARD: sha256_of(arrival.folder / CARD), **arrival.sources},
    )
    write_json(target.record, record.model_dump(mode="json"))


def _leave(run: RunDir, name: str) -> None:
    target = joined_dir(run, name)
    remove(target.record)
    remove_folder(target.path)
