"""The candidates' out-of-fold maps, and the evidence of any ensemble of them.

Shape suffixes: N images, S choices, C candidates, K classes, F fits, H x W pixels.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.config.predict import ViewGroup
from raytrain.config.target import Target
from raytrain.ensemble.oof_maps import CandidateMaps
from raytrain.ensemble.score import counts_of
from raytrain.metrics import gathered, image_figures
from raytrain.metrics.decide import mask_of
from raytrain.metrics.evidence import Evidence, label_maps, occurring
from raytrain.runs.ensemble import Choice

AT_ONCE = 2**24
"""Largest number of values of probability maps that are averaged at once."""


Views = tuple[tuple[ViewGroup, ...], ...]
"""The groups of views of each candidate."""


@dataclass(frozen=True)
class Labeled:
    """The labeled images, in the order of the folds."""

    fold_N: np.ndarray
    number_N: np.ndarray
    """Number of each image in its fold."""
    groups_N: np.ndarray
    """The group (patient, sequence) of each image, as text."""
    truth: Callable[[int, int], np.ndarray]
    """Function that returns mask_HW of the image with this number in this fold."""
    pixels_N: np.ndarray

    def of(self, rows: np.ndarray) -> "Labeled":
        """Return the labeled images at the positions `rows`."""
        return replace(
            self,
            fold_N=self.fold_N[rows],
            number_N=self.number_N[rows],
            groups_N=self.groups_N[rows],
            pixels_N=self.pixels_N[rows],
        )


@dataclass(frozen=True)
class Pool:
    """The candidates, with the labeled images."""

    candidates: Sequence[CandidateMaps]
    labeled: Labeled
    classes: int
    """Number of classes, including the background."""
    target: Target
    metric: MetricSpec
    _known: dict[Choice, Evidence] = field(default_factory=dict)

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len(self.candidates[0].plain)

    @cached_property
    def fits_FN(self) -> np.ndarray:
        """Weight of each image (float64, 0 or 1) in each fit. For each fold, a fit has the images
        of all other folds. The last fit has all images."""
        rows = [self.labeled.fold_N != fold for fold in range(self.folds)]
        return np.stack([*rows, np.ones(len(self.labeled.fold_N), bool)]).astype(np.float64)

    def drawn(self, pixels: int) -> "Pool":
        """Return a pool of fewer images, with about this number of pixels.

        Whole groups are drawn from all folds alike, in a fixed order. A pool that has no more
        pixels is returned itself.
        """
        if int(self.labeled.pixels_N.sum()) <= pixels:
            return self
        groups, first, group_N = np.unique(
            self.labeled.groups_N, return_index=True, return_inverse=True
        )
        fold_G = self.labeled.fold_N[first]
        shuffled = np.random.default_rng(0).permutation(len(groups))
        # The first group of each fold, then the second of each, and so on.
        rank_G = np.zeros(len(groups), int)
        for fold in range(self.folds):
            mine = shuffled[fold_G[shuffled] == fold]
            rank_G[mine] = np.arange(len(mine))
        order = np.lexsort((fold_G, rank_G))
        of_groups = np.bincount(group_N, self.labeled.pixels_N)[order].cumsum()
        count = max(self.folds, int(np.searchsorted(of_groups, pixels)))
        rows = np.flatnonzero(np.isin(group_N, order[:count]))
        return replace(self, labeled=self.labeled.of(rows), _known={})

    def evidence(self, choices: Iterable[Choice]) -> list[Evidence]:
        """Return the evidence of each choice on all images. All choices are computed in one pass
        over the images, and stored."""
        asked = list(choices)
        new = [each for each in dict.fromkeys(asked) if each not in self._known]
        if new:
            self._known.update(zip(new, self._computed(new), strict=True))
        return [self._known[each] for each in asked]

    def masks(self, choices: list[Choice], fold: int, number: int) -> np.ndarray:
        """Return mask_SHW of an image for each choice."""
        found = {
            place: pred_HW
            for places, _, pred_SHW in self._predicted(choices, fold, number)
            for place, pred_HW in zip(places, pred_SHW, strict=True)
        }
        return np.stack([found[place] for place in range(len(choices))])

    def _computed(self, choices: list[Choice]) -> Iterator[Evidence]:
        beside, images = gathered(self.metric), len(self.labeled.fold_N)
        counts_SNK3 = np.zeros((len(choices), images, self.classes, 3), np.int64)
        figures_SNGK = np.zeros((len(choices), images, len(beside), self.classes * bool(beside)))
        for row in range(images):
            fold, number = int(self.labeled.fold_N[row]), int(self.labeled.number_N[row])
            true_HW = self.labeled.truth(fold, number)
            for places, prob_SKHW, pred_SHW in self._predicted(choices, fold, number):
                counts_SNK3[places, row] = counts_of(pred_SHW, true_HW, self.classes, self.target)
                if beside:
                    for place, prob_KHW, pred_HW in zip(places, prob_SKHW, pred_SHW, strict=True):
                        maps = label_maps(prob_KHW, pred_HW, true_HW, self.target)
                        figures_SNGK[place, row] = image_figures(beside, maps)
        for counts_NK3, figures_NGK in zip(counts_SNK3, figures_SNGK, strict=True):
            yield Evidence(counts_NK3, beside, figures_NGK, occurring(counts_NK3))

    def _predicted(
        self, choices: list[Choice], fold: int, number: int
    ) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
        """Yield positions in `choices`, with the prob_SKHW and mask_SHW of these choices for an
        image."""
        by_views: dict[Views, list[int]] = {}
        for place, choice in enumerate(choices):
            by_views.setdefault(choice.views, []).append(place)
        for views, places in by_views.items():
            weight_SC = np.array([choices[place].weights for place in places])
            maps = {
                at: self.candidates[at].prob(fold, number, views[at])
                for at in np.flatnonzero(weight_SC.any(0)).tolist()
            }
            at_once = max(1, AT_ONCE // next(iter(maps.values())).size)
            for start in range(0, len(places), at_once):
                part = places[start : start + at_once]
                prob_SKHW = _means(maps, weight_SC[start : start + at_once])
                pred_SHW = mask_of(prob_SKHW.swapaxes(0, 1), self.target)
                for at, place in enumerate(part):
                    if choices[place].steps:
                        steps = choices[place].steps
                        pred_SHW[at] = mask_of(prob_SKHW[at], self.target, steps)
                yield part, prob_SKHW, pred_SHW


def _means(maps: Mapping[int, np.ndarray], weight_SC: np.ndarray) -> np.ndarray:
    """Return prob_SKHW: for each choice, the mean of the candidates that have a weight. It equals
    the shipped ensemble's mean (`weighted_mean`) bit for bit."""
    first = next(iter(maps.values()))
    weight_SC111 = weight_SC.astype(first.dtype)[:, :, None, None, None]
    total_SKHW = np.zeros((len(weight_SC), *first.shape), first.dtype)
    for at, prob_KHW in maps.items():
        used_S = weight_SC[:, at] > 0
        total_SKHW[used_S] += weight_SC111[used_S, at] * prob_KHW
    return total_SKHW / weight_SC111.sum(1)
