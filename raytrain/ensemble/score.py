"""The out-of-fold score of an ensemble, with its confidence interval.

Every map comes from a model that has never seen its image's group.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from raytrain.config.metrics import MetricSpec
from raytrain.config.target import Target
from raytrain.metrics import score
from raytrain.metrics.bootstrap import interval
from raytrain.metrics.dice import foreground_dice, mean_foreground_dice, overlap_counts
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence
from raytrain.metrics.table import class_table


@dataclass(frozen=True)
class OofScore:
    """A score over all labeled images with its 95 % interval over groups."""

    metric: str
    """Short name of the metric."""
    score: float
    """The score; higher is better."""
    low: float
    high: float
    dice: float
    """Mean Dice over images and foreground classes, for every metric."""
    per_class: list[float]
    """Dice of the classes 1, 2, ..."""
    classes: dict[str, Any]
    """The table from `metrics.table.class_table`."""
    images: int
    confusion: list[list[int]] | None
    """Pixels by true class (row) and predicted class (column); null if classes overlap."""


def counts_of(
    pred_SHW: np.ndarray, true_HW: np.ndarray, classes: int, target: Target
) -> np.ndarray:
    """Return counts_SK3 of several masks of one image against its truth."""
    pred = torch.from_numpy(pred_SHW.astype(np.int64))
    true = torch.from_numpy(true_HW.astype(np.int64)).expand(pred.shape)
    return overlap_counts(pred, true, classes, target).numpy()


def oof_score(
    evidence: Evidence, groups_N: np.ndarray, metric: MetricSpec, confusion_KK: np.ndarray | None
) -> OofScore:
    """Return the score on this evidence; the interval draws whole groups with replacement."""
    low, high = interval(evidence, groups_N, metric)
    return OofScore(
        metric=metric.label,
        score=score(metric, evidence),
        low=low,
        high=high,
        dice=mean_foreground_dice(evidence.counts_NK3),
        per_class=[float(value) for value in foreground_dice(evidence.counts_NK3)],
        classes=class_table(evidence.counts_NK3),
        images=len(evidence.counts_NK3),
        confusion=None if confusion_KK is None else confusion_KK.tolist(),
    )


def nested_score(ours: OofEvidence, theirs: OofEvidence, folds: tuple[int, ...]) -> float:
    """Return the score of choosing the better of two ensembles on each fold, by the scores on the
    other folds.

    On a tie, `theirs` is chosen. `folds` are the numbers of images per fold, in order. Raises
    ValueError when the two are not from the same images and masks.
    """
    theirs = theirs.aligned(ours)
    fold_N = np.repeat(np.arange(len(folds)), folds)
    assert len(fold_N) == len(ours.ids)
    ours_N = np.zeros(len(fold_N), bool)
    for fold in range(len(folds)):
        others = np.flatnonzero(fold_N != fold)
        one, other = (score(ours.metric, each.evidence.of(others)) for each in (ours, theirs))
        ours_N[fold_N == fold] = one > other
    return score(ours.metric, _mixed(ours_N, ours.evidence, theirs.evidence))


def _mixed(ours_N: np.ndarray, ours: Evidence, theirs: Evidence) -> Evidence:
    """Return the evidence with the images of `ours` where ours_N is true, and those of `theirs`
    elsewhere."""
    mask_N11 = ours_N[:, None, None]
    figures_NGK = None
    if ours.figures_NGK is not None:
        places = [theirs.gathered.index(spec) for spec in ours.gathered]
        assert theirs.figures_NGK is not None
        figures_NGK = np.where(mask_N11, ours.figures_NGK, theirs.figures_NGK[:, places])
    counts_NK3 = np.where(mask_N11, ours.counts_NK3, theirs.counts_NK3)
    return Evidence(counts_NK3, ours.gathered, figures_NGK, ours.counted_K)
