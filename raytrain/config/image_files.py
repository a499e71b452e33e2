"""The fields that all formats with image files share: patterns, channels and names."""

from typing import Literal, Self

from pydantic import field_validator, model_validator

from raytrain.config.base import Spec
from raytrain.config.patterns import checked_parts, parts_of, unknown_parts

Unlisted = Literal["empty", "unlabelled"] | None
"""What happens to an image without a mask file, or that the annotations do not list, unless it is a
test image. `empty`: its mask is all background. `unlabelled`: it is not used for training. null: it
is refused."""


class ImageFiles(Spec):
    """The patterns and the names of the images.

    `*` matches anything within one folder or file name. Words in braces are parts: `{split}`,
    `{name}`, and others that you choose, such as `{case}`. Before a `*` in the same folder or file
    name, a part is as short as possible. Files that differ only in `{channel}` are one image.
    """

    image: str = "{split}/image/{name}.png"
    channels: tuple[str, ...] = ()
    """The texts of `{channel}`, in the order of the image's channels, such as `[red, green, blue]`.
    Files of other channels are not used. Empty: all channels in natural order."""
    test_image: str | None = None
    """The pattern of the test images, if they are elsewhere. `splits` then divides only the other
    images."""
    image_id: str | None = None
    """The name of an image, made from the parts of its path, such as `{case}_{day}`. null: `{name}`
    or, without `{name}`, all parts joined by `_`. Without `test_image`, it may have `{split}`."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return checked_parts(value, ("split", "name", "channel"))

    @field_validator("test_image")
    @classmethod
    def _test_pattern(cls, value: str | None) -> str | None:
        return value and checked_parts(value, ("name", "channel"))

    @field_validator("image_id")
    @classmethod
    def _naming_pattern(cls, value: str | None) -> str | None:
        if value is not None and ("*" in value or "/" in value):
            raise ValueError(f"{value!r}: a name has no * and no /; use parts such as {{case}}")
        return value and checked_parts(value, ("name", "split"))

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        known = _naming_parts(self.image)
        by_channel = "channel" in parts_of(self.image)
        problems = []
        if self.channels and not by_channel:
            problems.append(
                f"channels: {self.image!r} has no {{channel}}; add it, or leave channels out"
            )
        if len({*self.channels}) < len(self.channels):
            problems.append("channels: name each channel once")
        if self.test_image is not None and by_channel != ("channel" in parts_of(self.test_image)):
            problems.append("test_image: write {channel} in both image and test_image, or in none")
        if self.image_id is not None:
            split = ["split"] if "split" in parts_of(self.image) else []
            problems += unknown_parts("image_id", self.image_id, [*known, *split])
        elif not known:
            problems.append(
                f"image: {self.image!r} is the same for all images; add a part such as {{name}}"
            )
        if self.test_image is not None and "split" in parts_of(self.image_id or ""):
            problems.append("image_id: remove {split}, which the images of test_image do not have")
        if self.test_image is not None and not problems:
            lacking = [p for p in parts_of(self.naming) if p not in parts_of(self.test_image)]
            problems += [
                f"test_image: {self.test_image!r} lacks {{{part}}}, a part of image; add it"
                for part in lacking
            ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def naming(self) -> str:
        """The pattern of an image's name, made from the parts of its path."""
        if self.image_id is not None:
            return self.image_id
        parts = _naming_parts(self.image)
        return "{name}" if "name" in parts else "_".join(f"{{{part}}}" for part in parts)


def _naming_parts(pattern: str) -> list[str]:
    """Return the parts of a path that distinguish one image from others."""
    return [part for part in parts_of(pattern) if part not in ("split", "channel")]
