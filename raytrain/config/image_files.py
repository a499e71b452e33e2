"""Image files by a pattern: the fields that formats with image files share."""

from typing import Literal, Self

from pydantic import field_validator, model_validator

from raytrain.config.base import Spec
from raytrain.config.patterns import checked_parts, parts_of, unknown_parts

Unlisted = Literal["empty", "unlabelled"] | None
"""How an image that the annotations do not list is treated, except test images. `empty`: its mask
is all background. `unlabelled`: it is not used for training. null: it is refused."""


class ImageFiles(Spec):
    """Where the images are, and what they are called.

    `*` matches anything within one folder or file name. Words in braces are parts: `{split}`,
    `{name}`, and others that you choose, such as `{case}`. Before a `*` in the same folder or file
    name, a part is as short as possible.
    """

    image: str = "{split}/image/{name}.png"
    test_image: str | None = None
    """The pattern of the test images, if they are elsewhere; `splits` then divides only the other
    images."""
    image_id: str | None = None
    """The name of an image, from the parts of its path, such as `{case}_{day}`; null: `{name}` or,
    if there is none, all parts joined by `_`."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return checked_parts(value, ("split", "name"))

    @field_validator("test_image")
    @classmethod
    def _test_pattern(cls, value: str | None) -> str | None:
        return value and checked_parts(value, ("name",))

    @field_validator("image_id")
    @classmethod
    def _naming_pattern(cls, value: str | None) -> str | None:
        if value is not None and ("*" in value or "/" in value):
            raise ValueError(f"{value!r}: a name has no * and no /; use parts such as {{case}}")
        return value and checked_parts(value, ("name",))

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        known = [part for part in parts_of(self.image) if part != "split"]
        problems = []
        if self.image_id is not None:
            problems += unknown_parts("image_id", self.image_id, known)
        if self.test_image is not None and not problems:
            lacking = [p for p in parts_of(self.naming) if p not in parts_of(self.test_image)]
            problems += [
                f"test_image: {self.test_image!r} lacks {{{part}}}, which names the images of image"
                for part in lacking
            ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def naming(self) -> str:
        """The pattern of an image's name."""
        if self.image_id is not None:
            return self.image_id
        parts = [part for part in parts_of(self.image) if part != "split"]
        return "{name}" if "name" in parts else "_".join(f"{{{part}}}" for part in parts)
