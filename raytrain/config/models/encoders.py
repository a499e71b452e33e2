"""Base classes of the specs of networks."""

from abc import abstractmethod
from typing import Self

from pydantic import model_validator

from raytrain.config.base import Spec


class NetworkSpec(Spec):
    """A network that its name describes completely in tables."""

    name: str

    @property
    def label(self) -> str:
        """Short form of the network, for names of trials: its name."""
        return self.name


class PretrainedSpec(Spec):
    """A network with an `encoder` that may start from pretrained weights."""

    encoder: str
    weights: str | None = None
    """`null` (random), `imagenet`, or the path of a state-dict file for the encoder."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Short form of the network, for names of trials."""

    @model_validator(mode="after")
    def _is_published(self) -> Self:
        if self.encoder == "drn_d_54" and self.weights == "imagenet":
            raise ValueError(
                "weights: no package has ImageNet weights of drn_d_54; leave weights out to start "
                "from random ones, or give the path of the authors' file drn_d_54-0e0534ff.pth"
            )
        return self
