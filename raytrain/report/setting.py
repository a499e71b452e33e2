"""The sections of the report on data, folds, configuration and versions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import yaml

from raytrain.data.report import DataReport, columns
from raytrain.report.facts import RunFacts
from raytrain.runs.jobs import read_config


@dataclass(frozen=True)
class SplitRow:
    """The number of images, groups and pixels of one split or fold."""

    name: str
    images: int
    groups: int
    shares: list[float]
    """Share of each class in the mask pixels; empty without masks."""
    mean: str
    """The mean of each channel, as text."""
    std: str


@dataclass(frozen=True)
class Duplicate:
    """Two images that show the same picture."""

    first: str
    other: str
    splits: tuple[str, str]
    across: bool
    """Whether the two images are in different splits, so that a score may be too good."""
    kind: str
    """`equal`: equal pixel by pixel. `near`: equal except for a small shift, brightness or a
    reflection."""


@dataclass(frozen=True)
class Data:
    """The counts and statistics of the competition's data."""

    fingerprint: str
    size: str
    splits: list[SplitRow]
    duplicates: list[Duplicate]


@dataclass(frozen=True)
class FoldTable:
    """The table of folds. Each row is about the images that a fold holds out."""

    hash: str
    seed: int | None
    rows: list[SplitRow]
    shared: int
    """Number of groups that are in more than one fold."""


@dataclass(frozen=True)
class Reproduce:
    """What somebody else needs to get the same numbers."""

    config: str
    """The job as YAML; empty if no job was saved."""
    versions: list[tuple[str, str]]
    fingerprints: list[tuple[str, str]]


def data(facts: RunFacts) -> Data:
    """Return counts and statistics of each split, and duplicates."""
    report = facts.data
    splits = []
    for name, found in report.splits.items():
        samples = report.samples[report.samples["split"].isin(name.split("+"))]
        row = _row(name, samples, found.class_pixels)
        mean, std = ("/".join(f"{value:.3f}" for value in v) for v in (found.mean, found.std))
        splits.append(SplitRow(row.name, row.images, row.groups, row.shares, mean, std))
    split = dict(zip(report.samples["id"], report.samples["split"], strict=True))
    return Data(
        fingerprint=report.fingerprint,
        size=_size(report),
        splits=splits,
        duplicates=[
            Duplicate(a, b, (split[a], split[b]), split[a] != split[b], kind)
            for kind, pairs in (("equal", report.duplicates), ("near", report.near_duplicates))
            for a, b in pairs
        ],
    )


def folds(facts: RunFacts) -> FoldTable | None:
    """Return the numbers of images, groups and pixels that each fold holds out; None if there are
    no folds yet."""
    if facts.folds is None:
        return None
    samples = facts.data.samples
    owners: dict[str, set[int]] = defaultdict(set)
    rows = []
    for fold, ids in enumerate(facts.folds.val_ids):
        held = samples[samples["id"].isin(ids)]
        rows.append(_row(str(fold), held, columns(held, "pixels").sum(0).tolist()))
        for group in held["group"].unique():
            owners[group].add(fold)
    shared = sum(len(found) > 1 for found in owners.values())
    return FoldTable(facts.folds.hash, facts.folds.seed, rows, shared)


def reproduce(facts: RunFacts) -> Reproduce:
    """Return the configuration, the versions and the fingerprints of the run."""
    versions: dict[str, set[str]] = defaultdict(set)
    for record in [*facts.trials, *facts.others]:
        for package, version in record.versions.items():
            versions[package].add(version)
    fingerprints = [("data", facts.data.fingerprint)]
    if facts.folds is not None:
        fingerprints.append(("folds", facts.folds.hash))
    if facts.ensemble is not None:
        fingerprints.append(("ensemble", facts.ensemble.fingerprint))
        fingerprints += [(each.name, each.fingerprint) for each, _, _ in facts.ensemble.members]
    config = ""
    if tree := read_config(facts.run):
        config = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    found = [(package, ", ".join(sorted(names))) for package, names in versions.items()]
    return Reproduce(config, found, fingerprints)


def _row(name: str, samples: pd.DataFrame, pixels: Sequence[int]) -> SplitRow:
    total = sum(pixels)
    shares = [count / total for count in pixels] if total else []
    return SplitRow(name, len(samples), samples["group"].nunique(), shares, "", "")


def _size(report: DataReport) -> str:
    channels = "1 channel" if report.channels == 1 else f"{report.channels} channels"
    sizes = list(report.sizes)
    size = f"{sizes[0]} px" if len(sizes) == 1 else f"{len(sizes)} sizes, most {sizes[0]} px"
    return f"{size}, {channels}, {report.dtype}"
