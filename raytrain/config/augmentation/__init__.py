"""Values of `trial.augmentation`: the name of a preset, or a list of presets and transforms.

    augmentation: slices
    augmentation: [slices, {name: HorizontalFlip, p: 0.5}]
    augmentation:
      - {name: Affine, rotate: [-10, 10], p: 1.0}
      - {name: OneOf, p: 0.5, transforms: [{name: GaussNoise}, {name: Blur, p: 0.2}]}

The items are applied in their order. Names, parameters and defaults of the transforms are those of
albumentations 2.0.8, which is not imported here (a test checks that they are equal). Only
transforms are offered that keep image and mask aligned and preserve their size.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator

from raytrain.config.augmentation import gray, spatial
from raytrain.config.base import Spec

SpatialTransform = (
    spatial.HorizontalFlipSpec
    | spatial.VerticalFlipSpec
    | spatial.TransposeSpec
    | spatial.RandomRotate90Spec
    | spatial.D4Spec
    | spatial.RotateSpec
    | spatial.AffineSpec
    | spatial.PerspectiveSpec
    | spatial.ElasticTransformSpec
    | spatial.OpticalDistortionSpec
    | spatial.CoarseDropoutSpec
)
GrayTransform = (
    gray.RandomBrightnessContrastSpec
    | gray.RandomGammaSpec
    | gray.InvertImgSpec
    | gray.ClaheSpec
    | gray.ColorJitterSpec
    | gray.GaussNoiseSpec
    | gray.MultiplicativeNoiseSpec
    | gray.ShotNoiseSpec
    | gray.SaltAndPepperSpec
    | gray.BlurSpec
    | gray.GaussianBlurSpec
    | gray.MedianBlurSpec
    | gray.SharpenSpec
)
TransformSpec = SpatialTransform | GrayTransform


_Transform = Annotated[TransformSpec, Field(discriminator="name")]


def _is_mapping(value: Any) -> Any:
    if not isinstance(value, dict | Spec):
        raise ValueError(f"give a transform {{name: ..., ...}} (got {value!r})")
    return value


class OneOfSpec(Spec):
    """Applies, with probability `p`, exactly one of the transforms. Their own `p` are the weights
    of the choice."""

    name: Literal["OneOf"] = "OneOf"
    transforms: tuple[Annotated[_Transform, BeforeValidator(_is_mapping)], ...]
    p: float = Field(0.5, ge=0, le=1)

    @field_validator("transforms")
    @classmethod
    def _has_a_choice(cls, value: tuple[TransformSpec, ...]) -> tuple[TransformSpec, ...]:
        if not any(transform.p for transform in value):
            raise ValueError("give at least one transform with p above 0")
        return value


def _is_no_transform(value: Any) -> Any:
    names = [spec.model_fields["name"].default for spec in get_args(TransformSpec)]
    if value in names:
        raise ValueError(f"{value} is a transform: write [{{name: {value}}}]")
    return value


PresetName = Literal[
    "none", "flips", "slices", "system_a", "system_b", "system_b_mix", "system_b_horizontal_flip",
    "system_b_vertical_flip", "system_b_rotate90", "system_b_shift", "system_b_shear",
    "system_b_noise", "system_b_blur", "system_c", "system_d",
]  # fmt: skip
"""Names of the presets. `data/augment.py` says what each of them does."""

_Preset = Annotated[PresetName, BeforeValidator(_is_no_transform)]
_Step = Annotated[TransformSpec | OneOfSpec, Field(discriminator="name")]


# The brackets mark the tags that `errors.py` removes from the paths it shows.
def _form(value: Any) -> str | None:
    if isinstance(value, str):
        return "[preset]"
    if isinstance(value, dict | Spec):
        return "[transform]"
    return "[list]" if isinstance(value, list | tuple) else None


def _has_a_step(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("give at least one preset's name or transform; `none` is the empty preset")
    return value


AugmentationItem = Annotated[
    Annotated[_Preset, Tag("[preset]")] | Annotated[_Step, Tag("[transform]")],
    Discriminator(
        _form, "augmentation_item", "give a preset's name or a transform {name: ..., ...}"
    ),
]
AugmentationSpec = Annotated[
    Annotated[_Preset, Tag("[preset]")]
    | Annotated[tuple[AugmentationItem, ...], AfterValidator(_has_a_step), Tag("[list]")],
    Discriminator(
        _form, "augmentation", "give a preset's name, or a list of such names and of transforms"
    ),
]
