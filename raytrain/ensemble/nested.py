"""Nested comparison of two ensembles: images that are scored take no part in the choice."""

import numpy as np

from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence


def nested_score(ours: OofEvidence, theirs: OofEvidence, folds: tuple[int, ...]) -> float:
    """Return the score of choosing the better ensemble on each fold by the other folds.

    On a tie, theirs is chosen. `folds` are the numbers of images per fold, in order. Raises
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
    """Return the rows of ours if ours was chosen, and of theirs otherwise."""
    mask_N11 = ours_N[:, None, None]
    figures_NGK = None
    if ours.figures_NGK is not None:
        places = [theirs.gathered.index(spec) for spec in ours.gathered]
        assert theirs.figures_NGK is not None
        figures_NGK = np.where(mask_N11, ours.figures_NGK, theirs.figures_NGK[:, places])
    counts_NK3 = np.where(mask_N11, ours.counts_NK3, theirs.counts_NK3)
    return Evidence(counts_NK3, ours.gathered, figures_NGK, ours.counted_K)
