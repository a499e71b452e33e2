"""Auxiliary training objectives: losses at coarser scales, and a class-presence head."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec


class DeepSupervisionSpec(Spec):
    """Deep supervision: the loss is also computed at coarser stages of the decoder.

    Each stage has its own 1x1 convolution (Lee et al. 2015). The losses are averaged as in nnU-Net
    (Isensee et al. 2021): (L0 + w1 L1 + w2 L2 ...) / (1 + w1 + w2 ...), where L0 is the loss on the
    network's own maps.

    `{weights: [0.5, 0.25]}`; the convolutions exist in training only. Validation figures,
    predictions and exported programs use the network's own maps.
    """

    weights: tuple[Annotated[float, Field(gt=0)], ...] = Field((0.5, 0.25), min_length=1)
    """w1, w2, ...: weights of the stages below the finest one, finer stages first. The maps of
    these stages are enlarged to the image's size and compared with the full-size mask."""


class PresenceSpec(Spec):
    """A classification head on the deepest map that predicts which classes an image shows.

    With tiles it predicts this for each tile. It is trained with binary cross-entropy on whether
    the mask contains each class, like `aux_params` in segmentation-models-pytorch.

    `{weight: 0.5, threshold: 0.3}`
    """

    weight: float = Field(0.5, gt=0)
    """Factor of the head's cross-entropy, which is added to the loss."""
    pooling: Literal["avg", "max"] = "avg"
    dropout: float = Field(0.2, ge=0, lt=1)
    threshold: float | None = Field(None, gt=0, lt=1)
    """Validation and prediction remove a class from an image if the head's probability for the
    class is lower than this threshold; `null`: the head is used in training only."""
