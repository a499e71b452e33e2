"""What the report of a run shows."""

from pydantic import Field

from raytrain.config.base import Spec


class ReportSpec(Spec):
    """The images that the report shows beside their masks."""

    images: tuple[str | int, ...] = Field((), max_length=100)
    """Ids of images, such as `[cmr101, cmr121]`. A number that is no id is the place of a test
    image, from 0. Empty: the worst, the middle and the best of the labeled images."""
