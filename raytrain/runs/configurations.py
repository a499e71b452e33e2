"""Trials that differ in seed and fold alone are repeats of one configuration.

Configurations are derived from the records, so that a seed in a search's space counts like
`search.repeats`.
"""

from collections.abc import Iterable
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
    """Fingerprint of all but seed and fold."""
    records: tuple[Record, ...]
    """By seed, then fold."""

    @property
    def name(self) -> str:
        """A single trial's own, else one that says neither seed nor fold."""
        first = self.records[0]
        return first.name if self.alone else f"{first.station}_{first.spec.label}_{self.key[:4]}"

    @property
    def fingerprint(self) -> str:
        """A single trial's own, else the configuration's."""
        return self.records[0].fingerprint if self.alone else self.key

    @property
    def alone(self) -> bool:
        """Whether it has been trained once only."""
        return len(self.records) == 1

    @property
    def spec(self) -> TrialSpec:
        """The first repeat's."""
        return self.records[0].spec

    @cached_property
    def counted(self) -> list[Record]:
        """What the mean is over: the trials that ran to their end or, where none did, those that
        were stopped; never a failed one."""
        scored = [record for record in self.records if record.best and record.status != "failed"]
        return [record for record in scored if record.status == "finished"] or scored

    @property
    def bests(self) -> list[Row]:
        """The rows of the counted repeats' best epochs."""
        return [record.best for record in self.counted if record.best]

    @property
    def mean(self) -> float | None:
        """Of the repeats' best validation scores; None without any."""
        return self.mean_of("val_score")

    def mean_of(self, figure: str) -> float | None:
        """The mean over the repeats of a figure of their best epochs."""
        values = [best[figure] for best in self.bests]
        return fmean(values) if values else None

    @cached_property
    def scores(self) -> list[float]:
        """Of each counted repeat."""
        return [best["val_score"] for best in self.bests]

    @property
    def sd(self) -> float | None:
        """Of the repeats (divided by n - 1); None for fewer than two."""
        return stdev(self.scores) if len(self.scores) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % for the mean, by Student's t over the repeats; None for fewer than two.

        Folds share most of their training images, so over folds it is somewhat too narrow (Bengio
        and Grandvalet 2004).
        """
        if self.mean is None or self.sd is None:
            return None
        from scipy.special import stdtrit  # here, as it takes longer than all else

        half = float(stdtrit(len(self.scores) - 1, 0.975)) * self.sd / sqrt(len(self.scores))
        return self.mean - half, self.mean + half


def configurations(records: Iterable[Record]) -> list[Configuration]:
    """The records grouped, the best mean first, those without a score last."""
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
    """Fingerprint of what repeats have in common. Scores on the given split and on folds are not of
    the same images: they make two configurations."""
    spec = record.spec.model_dump(mode="json", exclude={"seed"})
    images = record.fold.partition("-")[2] or record.fold
    return fingerprint(record.station, spec, record.data, images, record.workers)
