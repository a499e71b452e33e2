"""Base class of the networks with a pretrained encoder."""

from abc import abstractmethod

from raytrain.config.base import Spec


class PretrainedSpec(Spec):
    """A network with an `encoder` that may start from pretrained weights."""

    encoder: str
    weights: str | None = None
    """`null` (random), `imagenet`, or the path of a state-dict file for the encoder."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Short form of the network."""
