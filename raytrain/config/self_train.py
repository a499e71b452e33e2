"""Self-training: students also learn from the ensemble's soft maps of the test images."""

from pydantic import Field

from raytrain.config.base import Spec

MOST_LAYERS = 8
"""Largest number of overlapping classes with soft labels (`data/soft_labels.py`)."""


class SelfTrainSpec(Spec):
    """Trains each member again, on the labeled images and on the test images with soft labels.

    The soft labels are the calibrated maps of the chosen ensemble. The students replace the members
    only if that raises the out-of-fold score.
    """

    share: float = Field(0.5, gt=0, lt=1)
    """Share of test images among the images of an epoch. The number of images in an epoch does not
    change, so a gain does not come from a longer training. With `.5`, each epoch uses half of the
    labeled images."""
