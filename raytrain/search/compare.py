"""`compare`: test whether two configurations differ. The test is paired over groups and seeds."""

import math
from dataclasses import dataclass

import numpy as np

from raytrain.metrics import score
from raytrain.metrics.groups import group_scores
from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.metrics.paired import Paired, paired_test
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record
from raytrain.search.configurations import Configuration
from raytrain.search.leaderboard import named

Repeats = dict[int, dict[str, Record]]
"""Seed -> name of a fold -> record of the trial."""


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of two configurations."""

    metric: str
    names: tuple[str, str]
    scores: tuple[float, float]
    """Mean validation scores of the compared repeats."""
    test: Paired
    notes: tuple[str, ...]


def compare(run: RunDir, first: str, other: RunDir, second: str) -> Comparison:
    """Compare a trial or configuration of `run` with one of `other`, which may be the same run.

    Raises ValueError when one of them is not found, or when they were not validated on the same
    images.
    """
    sides = ((run, named(run, first)), (other, named(other, second)))
    (ours, theirs), notes = _matched([_repeats(side) for _, side in sides])
    pairs = list(zip(ours.values(), theirs.values(), strict=True))
    difference_GS, metric = [], ""
    for one, two in pairs:
        columns = []
        for fold in one:
            left, right = (
                _evidence(where, trial) for where, trial in ((run, one[fold]), (other, two[fold]))
            )
            right, metric = right.aligned(left), left.metric.label
            columns.append(_on_groups(left) - _on_groups(right))
        difference_GS.append(np.concatenate(columns))
    if len(pairs) == 1:
        notes.append(
            "this compares two trainings, with one seed each; set search.repeats to measure the "
            "effect of the seed"
        )
    return Comparison(
        metric=metric,
        names=(sides[0][1].name, sides[1][1].name),
        scores=(_mean(ours), _mean(theirs)),
        test=paired_test(np.stack(difference_GS, axis=1)),
        notes=tuple(notes),
    )


def comparison_text(found: Comparison) -> str:
    """Return the result as text, with the smallest difference that the comparison could have
    detected."""
    test = found.test
    seeds = f"{test.seeds} seeds" if test.seeds > 1 else "one seed"
    verdict = "no difference shown"
    if test.shown:
        verdict = f"{'A' if test.difference > 0 else 'B'} is better"
    smallest = (
        "the smallest difference that this comparison could have detected (power .8, alpha .05): "
        f"{test.detectable:.4f}"
    )
    if not test.detectable:
        smallest = "the difference is the same in every group"
    lines = [
        f"{letter}: {found.metric} {score:.4f}  {name}"
        for letter, name, score in zip("AB", found.names, found.scores, strict=True)
    ]
    return "\n".join(
        [
            *lines,
            f"A - B: {test.difference:+.4f}, 95 % {test.low:+.4f} .. {test.high:+.4f}, "
            f"p = {test.p:.3g} (paired over {test.groups} groups and {seeds})",
            f"{verdict}; {smallest}",
            *found.notes,
        ]
    )


def _repeats(side: Configuration) -> Repeats:
    found: Repeats = {}
    for record in side.counted:
        found.setdefault(record.spec.seed, {})[record.fold] = record
    if not found:
        raise ValueError(
            f"{side.name}: it has no score ({side.records[0].status}); choose another trial"
        )
    return found


def _matched(sides: list[Repeats]) -> tuple[list[Repeats], list[str]]:
    """Return the same number of seeds from both sides, each on the folds that both sides have.

    Seeds are paired in order, because a seed of one configuration is unrelated to the same seed of
    the other.

    Raises ValueError when the sides share no fold, or when one has no seed on all shared folds.
    """
    folds = [{fold for trials in side.values() for fold in trials} for side in sides]
    common = sorted(folds[0] & folds[1])
    if not common:
        on = " and ".join(", ".join(sorted(each)) for each in folds)
        raise ValueError(
            f"they were validated on different images: on {on}; compare trials of the same folds"
        )
    notes = []
    if folds[0] != folds[1]:
        notes.append(f"compared on {', '.join(common)}, on which both were validated")
    whole = [
        {seed: {fold: trials[fold] for fold in common} for seed, trials in sorted(side.items())
         if trials.keys() >= set(common)}
        for side in sides
    ]  # fmt: skip
    count = min(len(side) for side in whole)
    if not count:
        raise ValueError(
            f"one of them has no seed that is complete on {', '.join(common)}; run the search again"
        )
    if any(len(side) > count for side in sides):
        given = " and ".join(str(len(side)) for side in sides)
        notes.append(f"{count} seeds of each are compared; they have {given}")
    return [dict(list(side.items())[:count]) for side in whole], notes


def _evidence(run: RunDir, record: Record) -> OofEvidence:
    """Return the evidence of the trial's best epoch. It is compared with the record. Raises
    ValueError when the evidence is missing, or is from another epoch."""
    path = run.trial(record.fingerprint).evidence
    if not path.is_file():
        raise ValueError(
            f"{record.name}: {path} is missing, and the comparison needs it; delete the trial's "
            "folder and run the same search again"
        )
    found = read_oof_evidence(path)
    best = record.best["val_score"] if record.best else math.nan
    if not math.isclose(score(found.metric, found.evidence), best, rel_tol=1e-9, abs_tol=1e-12):
        raise ValueError(
            f"{path}: it is not from the best epoch in the trial's record; delete the trial's "
            "folder and run the same search again"
        )
    return found


def _on_groups(oof: OofEvidence) -> np.ndarray:
    return group_scores(oof.metric, oof.evidence, np.array(oof.groups))


def _mean(side: Repeats) -> float:
    scores = [
        trial.best["val_score"] for trials in side.values() for trial in trials.values()
        if trial.best
    ]  # fmt: skip
    return float(np.mean(scores))
