"""Scores of each labeled image by models that have never seen the image's group.

Shape suffixes: N images, K classes, H x W pixels.
"""

from dataclasses import dataclass

import numpy as np

from raytrain.config.target import IGNORE, Target, layer
from raytrain.data.samples import SampleFiles
from raytrain.ensemble.oof_maps import OofMasks
from raytrain.report.facts import RunFacts, has_oof_maps


@dataclass(frozen=True)
class OofImage:
    """One labeled image, segmented by the mean of the members' out-of-fold maps."""

    id: str
    fold: int
    row: int
    """Position of the image among the fold's held-out images, from 0 on."""
    dice: float
    """Mean Dice over the foreground classes, 0 .. 1."""
    per_class: tuple[float, ...]
    """Dice of the classes 1, 2, ..."""


class OofImages:
    """The labeled images with the ensemble's out-of-fold masks."""

    def __init__(self, facts: RunFacts):
        """Open the maps. Raises ValueError that names a file of maps that does not belong to the
        images of its fold."""
        data, folds = facts.data, facts.folds
        self._ids = folds.val_ids if folds else ()
        self._files = SampleFiles(data)
        self._classes, self._target = len(data.classes), data.target
        self._masks = None
        if facts.ensemble is not None and has_oof_maps(facts):
            self._masks = OofMasks(facts.run, facts.ensemble, self._ids, data)

    def prediction(self, fold: int, row: int) -> np.ndarray:
        """Return mask_HW of an image, the same as for the score. The maps must exist."""
        assert self._masks is not None
        return self._masks.mask(fold, row)

    def truth(self, id: str) -> np.ndarray:
        """Return mask_HW of the truth. Raises ValueError when its file is missing."""
        return self._files.mask(id)

    def images(self) -> list[OofImage]:
        """Return the labeled images with their Dice, worst first. Raises ValueError when the file
        of a true mask is missing."""
        found = []
        for fold in range(len(self._ids)):
            for row, id in enumerate(self._ids[fold]):
                pred_HW, true_HW = self.prediction(fold, row), self.truth(id)
                dice_K = class_dice(pred_HW, true_HW, self._classes, self._target)
                per_class = tuple(float(value) for value in dice_K)
                found.append(OofImage(id, fold, row, float(dice_K.mean()), per_class))
        return sorted(found, key=lambda image: (image.dice, image.id))


@dataclass(frozen=True)
class Oof:
    """The out-of-fold results, or the reason why there are none."""

    maps: OofImages
    images: list[OofImage]
    """Images, worst first; empty when something is missing."""
    missing: str
    """The command to run next; empty if nothing is missing."""
    problem: str
    """Why the images cannot be scored; empty if they can."""


def read_oof(facts: RunFacts) -> Oof:
    """Return the out-of-fold results of every labeled image, or why there are none. Raises
    ValueError when a file of maps does not belong to the images of its fold."""
    maps = OofImages(facts)
    if not has_oof_maps(facts):
        # All maps may exist, but which ones count is known only once there are members.
        due = "cv" if facts.ensemble or not facts.cross_validation else "finalize"
        return Oof(maps, [], due, "")
    try:
        return Oof(maps, maps.images(), "", "")
    except ValueError as error:
        return Oof(maps, [], "", str(error))


def class_dice(
    pred_HW: np.ndarray, true_HW: np.ndarray, classes: int, target: Target
) -> np.ndarray:
    """Return Dice in 0 .. 1 of the classes 1, 2, ...; 1 if a class is in neither mask. Unlabeled
    pixels do not count."""
    judged = np.ones(true_HW.shape, bool) if target == "multi_label" else true_HW != IGNORE
    pred, true = pred_HW[judged], true_HW[judged]
    dice = []
    for number in range(1, classes):
        ours, theirs = layer(pred, number, target), layer(true, number, target)
        size = int(ours.sum()) + int(theirs.sum())
        dice.append(2 * int((ours & theirs).sum()) / size if size else 1.0)
    return np.array(dice)


def telling(images: list[OofImage]) -> list[tuple[str, OofImage]]:
    """Return the two worst, middle and best images of a sorted list, with labels. Of a short list,
    return all."""
    if len(images) <= 6:
        return [("", image) for image in images]
    middle = len(images) // 2
    places = {
        "worst": (0, 1),
        "median": (middle - 1, middle),
        "best": (len(images) - 2, len(images) - 1),
    }
    return [(name, images[place]) for name, found in places.items() for place in found]
