"""How well masks agree with the truth, in the figures that papers print, class by class.

Shape suffixes: N images, K classes, H x W pixels; 3 = true positives, false positives, false
negatives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from raytrain.config.metrics import HausdorffMetricSpec
from raytrain.config.target import Target
from raytrain.metrics.dice import overlap_counts
from raytrain.metrics.distance import border_distances
from raytrain.metrics.evidence import deviations, label_maps, means
from raytrain.metrics.table import OF_CLASS, class_rows, class_table

HAUSDORFF = HausdorffMetricSpec(percentile=95)


@dataclass(frozen=True)
class Evaluation:
    """The figures of one set of images."""

    images: int
    table: dict[str, Any]
    """The lists of `metrics/table.py: class_table`, and `hausdorff95` with `hausdorff95_sd` per
    class."""
    confusion_KK: np.ndarray | None
    """Pixels by true class (row) and predicted class (column); None if classes overlap."""

    @property
    def unseen(self) -> list[int]:
        """The numbers of the classes, without the background, that no true pixel has."""
        return [k for k, count in enumerate(self.table["pixels"]) if k and not count]

    def rows(self, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return a table as one dict per class, and the means over classes, with figures by name.

        The columns `as <class>` hold the confusion matrix: the number of pixels of the row's class
        that were predicted as this class. A class without a true pixel has no figures: a score of
        1 for finding nothing would prove nothing.
        """
        found = class_rows(self.table, classes)
        foreground = found[len(classes)]
        nothing = len(self.unseen) >= len(classes) - 1
        for row in [*(found[k] for k in self.unseen), *([foreground] if nothing else [])]:
            for key in OF_CLASS[1:]:
                row.pop(key, None)
        if self.confusion_KK is not None:
            for row, count_K in zip(found, self.confusion_KK.tolist(), strict=False):
                row |= {f"as {name}": n for name, n in zip(classes, count_K, strict=True)}
        return found


class Tally:
    """Collects the figures of images one by one. Only counts and distances stay in memory."""

    def __init__(self, classes: int, target: Target):
        """Begin without images. `classes` is the number of classes, background included."""
        self._classes, self._target = classes, target
        self._counts: list[np.ndarray] = []
        self._distances: list[np.ndarray] = []
        self._confusion_KK = np.zeros((classes, classes), np.int64)

    def add(self, pred_HW: np.ndarray, true_HW: np.ndarray) -> None:
        """Add an image's masks. `config/target.py` says what their numbers mean."""
        pair = [torch.from_numpy(mask.astype(np.int64))[None] for mask in (pred_HW, true_HW)]
        counts_1K3 = overlap_counts(pair[0], pair[1], self._classes, self._target)
        self._counts.append(counts_1K3[0].numpy())
        channels = self._classes - (self._target == "multi_label")
        no_prob_KHW = np.zeros((channels, *true_HW.shape), np.float32)
        maps = label_maps(no_prob_KHW, pred_HW, true_HW, self._target)
        self._distances.append(border_distances(HAUSDORFF, maps))
        if self._target == "single_label":
            self._confusion_KK += confusion(pred_HW, true_HW, self._classes)

    def result(self) -> Evaluation:
        """Return the figures of all added images. Raises ValueError when there is none."""
        if not self._counts:
            raise ValueError(
                "no image has both a predicted and a true mask; give masks of the same images"
            )
        distance_NK = np.stack(self._distances)
        table = class_table(np.stack(self._counts))
        table["hausdorff95"] = means(distance_NK).tolist()
        table["hausdorff95_sd"] = deviations(distance_NK).tolist()
        single = self._target == "single_label"
        return Evaluation(len(self._counts), table, self._confusion_KK if single else None)


def confusion(pred_NHW: np.ndarray, true_NHW: np.ndarray, classes: int) -> np.ndarray:
    """Return count_KK (int64): the number of pixels by true class (row) and predicted class
    (column).

    Values that are not a class (an ignore value) are not counted.
    """
    judged = (true_NHW >= 0) & (true_NHW < classes)
    pair = true_NHW[judged].astype(np.int64) * classes + pred_NHW[judged]
    return np.bincount(pair, minlength=classes**2).reshape(classes, classes)
