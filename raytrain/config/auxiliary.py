"""What training may ask of a network besides its maps: losses at coarser scales, and whether a
class is in the image at all."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec


class DeepSupervisionSpec(Spec):
    """The loss also at the decoder's coarser stages, each through a 1x1 convolution of its own
    (Lee et al. 2015), weighed as in nnU-Net (Isensee et al. 2021):
    (L0 + w1 L1 + w2 L2 ...) / (1 + w1 + w2 ...), L0 that of the network's maps.

    `{weights: [0.5, 0.25]}`; only training has these heads: figures, checkpoints' predictions and
    exported programs are the network's own.
    """

    weights: tuple[Annotated[float, Field(gt=0)], ...] = Field((0.5, 0.25), min_length=1)
    """w1, w2 ...: of the stages below the finest, the finer first. Their maps are enlarged to the
    image's size and judged by its mask."""


class PresenceSpec(Spec):
    """A head on the deepest map that says which classes the image shows (each window of it, where
    it is tiled), trained with binary cross-entropy on whether the mask has them; as `aux_params`
    in segmentation-models-pytorch.

    `{weight: 0.5, threshold: 0.3}`
    """

    weight: float = Field(0.5, gt=0)
    """Factor of its cross-entropy beside the loss."""
    pooling: Literal["avg", "max"] = "avg"
    dropout: float = Field(0.2, ge=0, lt=1)
    threshold: float | None = Field(None, gt=0, lt=1)
    """Validation and prediction remove a class whose probability of being there is lower; `null`:
    the head helps training only, and prediction does without it."""
