"""What every network with a pretrained encoder shares."""

from abc import abstractmethod

from raytrain.config.base import Spec


class PretrainedSpec(Spec):
    """A network whose `encoder` may start from pretrained weights."""

    encoder: str
    weights: str | None = None
    """`null` (random), `imagenet`, or the path of a state-dict file for the encoder."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The network in short."""
