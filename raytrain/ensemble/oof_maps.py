"""Out-of-fold maps of the candidates, and the masks that an ensemble makes of them.

Shape suffixes: K classes (without the background if they overlap), H x W pixels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from raytrain.config.predict import VIEW_COUNTS, ViewGroup
from raytrain.data.report import DataReport
from raytrain.metrics.decide import mask_of
from raytrain.runs.ensemble import Candidate, Ensemble
from raytrain.runs.joined import JoinedDir
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import Maps
from raytrain.runs.oof import oof_path


class MapFile(Protocol):
    """The maps of some images, which are found by number."""

    def __getitem__(self, number: int) -> np.ndarray:
        """Return prob_KHW (float32) of one image."""
        ...


@dataclass(frozen=True)
class CandidateMaps:
    """The out-of-fold maps of one candidate, fold by fold."""

    plain: Sequence[MapFile]
    """For each fold, the maps of the images as they are."""
    views: Sequence[Mapping[ViewGroup, MapFile]]
    """For each fold, the mean maps of each group of views."""

    def prob(self, fold: int, number: int, groups: tuple[ViewGroup, ...]) -> np.ndarray:
        """Return prob_KHW of an image: the mean over the image and the views of these groups."""
        if not groups:
            return self.plain[fold][number]
        parts = [self.plain[fold][number], *(self.views[fold][each][number] for each in groups)]
        return weighted_mean(parts, [1, *(VIEW_COUNTS[each] for each in groups)])


def weighted_mean(maps: Iterable[np.ndarray], weights: Sequence[int]) -> np.ndarray:
    """Return the mean of maps of one shape; a map with weight n counts n times."""
    total = sum(
        each if weight == 1 else weight * each for each, weight in zip(maps, weights, strict=True)
    )
    return np.asarray(total) / sum(weights)


def candidate_maps(
    run: RunDir, candidate: Candidate, val_ids: Sequence[tuple[str, ...]], report: DataReport
) -> CandidateMaps:
    """Return the out-of-fold maps of a candidate. Raises DamagedError when a file does not contain
    the images of its fold."""
    shapes = [report.map_shapes(ids) for ids in val_ids]
    if candidate.maps is not None:
        folder = JoinedDir(run.path / candidate.maps)
        plain = [Maps(folder.oof(fold), each) for fold, each in enumerate(shapes)]
        return CandidateMaps(plain, [{} for _ in shapes])
    pairs = list(zip(candidate.folds, shapes, strict=True))
    return CandidateMaps(
        [Maps(oof_path(run, trial), each) for trial, each in pairs],
        [
            {group: Maps(oof_path(run, trial, group), each) for group in candidate.tried}
            for trial, each in pairs
        ],
    )


class OofMasks:
    """The out-of-fold masks of an ensemble. The mask of an image follows from the choice that was
    made without the image's fold."""

    def __init__(
        self,
        run: RunDir,
        ensemble: Ensemble,
        val_ids: Sequence[tuple[str, ...]],
        report: DataReport,
    ):
        """Open the members' out-of-fold maps. Raises DamagedError when a file does not contain the
        images of its fold."""
        self._ensemble, self._target = ensemble, report.target
        self._maps = {
            place: candidate_maps(run, candidate, val_ids, report)
            for place, candidate in enumerate(ensemble.candidates)
            if any(choice.weights[place] for choice in ensemble.nested)
        }

    def prob(self, fold: int, number: int) -> np.ndarray:
        """Return the mean map prob_KHW of the image with this number in this fold."""
        choice = self._ensemble.nested[fold]
        places = [place for place, weight in enumerate(choice.weights) if weight]
        maps = [self._maps[at].prob(fold, number, choice.views[at]) for at in places]
        return weighted_mean(maps, [choice.weights[at] for at in places])

    def mask(self, fold: int, number: int) -> np.ndarray:
        """Return mask_HW of the image with this number in this fold."""
        steps = self._ensemble.nested[fold].steps
        return mask_of(self.prob(fold, number), self._target, steps)
