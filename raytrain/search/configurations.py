"""Configurations. Trials that differ only in seed and fold are repeats of one configuration.

Configurations are derived from the records, so that a seed in a search space has the same effect as
`search.repeats`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from statistics import fmean, stdev

from raytrain.config.trial import TrialSpec
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.history import Row
from raytrain.runs.record import Record


@dataclass(frozen=True)
class Configuration:
    """One configuration and its repeats."""

    key: str
    """Fingerprint of everything except seed and fold. It is equal for all repeats."""
    records: tuple[Record, ...]
    """Records of the repeats, by seed, then fold."""

    @property
    def name(self) -> str:
        """Name of the trial if there is only one, else a name without seed and fold."""
        first = self.records[0]
        return first.name if self.alone else f"{first.station}_{first.spec.label}_{self.key[:4]}"

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the trial if there is only one, else of the configuration."""
        return self.records[0].fingerprint if self.alone else self.key

    @property
    def alone(self) -> bool:
        """Whether there is only one trial."""
        return len(self.records) == 1

    @property
    def spec(self) -> TrialSpec:
        """The spec of the first repeat."""
        return self.records[0].spec

    @cached_property
    def counted(self) -> list[Record]:
        """The records that count in the mean: those of finished trials or, if there are none, of
        stopped trials; never of failed ones."""
        scored = [record for record in self.records if record.best and record.status != "failed"]
        return [record for record in scored if record.status == "finished"] or scored

    @property
    def bests(self) -> list[Row]:
        """The history row of the best epoch of each repeat that counts in the mean."""
        return [record.best for record in self.counted if record.best]

    @property
    def mean(self) -> float | None:
        """Mean of the repeats' best validation scores; None without any score."""
        return self.mean_of("val_score")

    def mean_of(self, figure: str) -> float | None:
        """Return the mean, over the repeats, of a figure at the best epoch of each; None before
        any repeat has one."""
        values = [best[figure] for best in self.bests]
        return fmean(values) if values else None

    @cached_property
    def scores(self) -> list[float]:
        """Best validation score of each repeat that counts in the mean."""
        return [best["val_score"] for best in self.bests]

    @property
    def sd(self) -> float | None:
        """Standard deviation of the repeats (divided by n - 1); None for fewer than two."""
        return stdev(self.scores) if len(self.scores) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean over the repeats; None for fewer than two."""
        return mean_interval(self.scores)


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean over repeats, by Student's t; None for fewer than two.

    Folds share most of their training images, so over folds the interval is somewhat too narrow
    (Bengio and Grandvalet 2004).
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit  # imported here, because it is slow to import

    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def configurations(records: Iterable[Record]) -> list[Configuration]:
    """Group the records into configurations, sorted by mean, the best first. Configurations without
    a score come last."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(configuration_key(record), []).append(record)
    found = [
        Configuration(key, tuple(sorted(group, key=lambda r: (r.spec.seed, r.fold, r.fingerprint))))
        for key, group in groups.items()
    ]
    return sorted(
        found, key=lambda each: (each.mean is None, -(each.mean or 0.0), each.name, each.key)
    )


def configuration_key(record: Record) -> str:
    """Return the fingerprint of what repeats have in common. Scores on the val split and on folds
    come from different images, so they belong to two configurations."""
    spec = record.spec.model_dump(mode="json", exclude={"seed"})
    images = record.fold.partition("-")[2] or record.fold
    return fingerprint(record.station, spec, record.data, images, record.workers)
