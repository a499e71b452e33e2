"""Steps from a probability map to a mask. The names are the keys of `metrics.steps.STEPS`.

A spec here describes a *fitted* step: it holds the values to use. The union at the end lists the
steps in the order in which they are applied.
"""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from raytrain.config.base import Spec
from raytrain.config.target import Target

Share = Annotated[float, Field(ge=0, le=1)]
Whole = Annotated[float, Field(ge=0, multiple_of=1, allow_inf_nan=False)]
"""A whole number, as float like every other value of a step."""


class StepBase(Spec):
    name: str = ""
    auto: ClassVar[bool] = True
    """Whether `steps: auto` tries this step."""
    reads: ClassVar[Literal["pixel", "map", "mask"]]
    """What a step reads to decide about a pixel: the pixel's own probabilities, the whole map with
    the mask, or the mask alone. Steps that read the pixel's probabilities come first."""

    @classmethod
    def fits(cls, classes: int, target: Target) -> bool:
        """Return whether the step works with masks of this target and this number of classes,
        background included."""
        return True


class PerClassStep(StepBase):
    """Base of the steps that have one value for each foreground class."""

    at: tuple[float, ...] = Field(min_length=1)
    """The values of the classes 1, 2, ..."""
    grid: ClassVar[tuple[float, ...]]
    """Values to try, in ascending order; `neutral` is one of them."""
    neutral: ClassVar[float]
    """The value at which the step changes nothing."""

    @classmethod
    def off(cls, classes: int) -> Self:
        """Return the step with the values at which it changes nothing, for this number of classes,
        background included."""
        return cls(at=(cls.neutral,) * (classes - 1))

    def tried(self, number: int, value: float) -> Self:
        """Return a copy of the step with the value `value` for class `number` (1, 2, ...)."""
        return type(self)(at=(*self.at[: number - 1], value, *self.at[number:]))


class ThresholdStep(PerClassStep):
    """A pixel belongs to the class where the class's probability is over `at`."""

    name: Literal["threshold"] = "threshold"
    at: tuple[Share, ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = tuple(n / 20 for n in range(1, 20))
    neutral: ClassVar[float] = 0.5
    reads = "pixel"

    @classmethod
    def fits(cls, classes: int, target: Target) -> bool:
        return classes == 2 or target == "multi_label"


class BiasStep(PerClassStep):
    """The class of a pixel is the one with the highest log p + `at`. The background has no `at`, so
    0 is added."""

    name: Literal["bias"] = "bias"
    at: tuple[Annotated[float, Field(ge=-20, le=20)], ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = tuple(n / 4 for n in range(-8, 9))
    neutral: ClassVar[float] = 0
    reads = "pixel"

    @classmethod
    def fits(cls, classes: int, target: Target) -> bool:
        return classes > 2 and target == "single_label"


class QuantileStep(PerClassStep):
    """In each image, the share `at` of the pixels with the highest probability belongs to the
    class; 0 is off. Pixels that tie with the last of them belong to the class too, except at
    probability 0."""

    name: Literal["quantile"] = "quantile"
    at: tuple[Share, ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = (
        0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
    )  # fmt: skip
    neutral: ClassVar[float] = 0
    reads = "map"

    @classmethod
    def fits(cls, classes: int, target: Target) -> bool:
        return classes == 2


class PresenceStep(PerClassStep):
    """A class is removed from an image in which its probability, summed over the pixels predicted
    as this class, is below `at` px."""

    name: Literal["presence"] = "presence"
    at: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = (0, *(2.0**n for n in range(2, 15)))
    neutral: ClassVar[float] = 0
    reads = "map"


class FillHolesStep(PerClassStep):
    """1: background that the class encloses becomes the class; 0: off.

    A hole is 4-connected and does not reach the image's edge. With one class a pixel, other classes
    inside a hole keep their pixels. Where several classes enclose a pixel, the smallest hole
    decides, then the lower number.
    """

    name: Literal["fill_holes"] = "fill_holes"
    at: tuple[Annotated[Whole, Field(le=1)], ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = (0, 1)
    neutral: ClassVar[float] = 0
    reads = "mask"


class SmallestAreaStep(PerClassStep):
    """8-connected components of the class with fewer than `at` px become background."""

    name: Literal["smallest_area"] = "smallest_area"
    at: tuple[Whole, ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = (0, *(2.0**n for n in range(1, 13)))
    neutral: ClassVar[float] = 0
    reads = "mask"


class LargestComponentsStep(PerClassStep):
    """Remove all 8-connected components of a class except the largest ones.

    `at` is the number of components that stay, for each class; 0 removes none.

    If two components have equal areas, the one with the higher summed probability counts as larger.
    If these are equal too, the one that comes first, row by row, counts as larger.
    """

    name: Literal["largest_components"] = "largest_components"
    at: tuple[Whole, ...] = Field(min_length=1)
    grid: ClassVar[tuple[float, ...]] = (0, 1, 2)
    neutral: ClassVar[float] = 0
    reads = "map"


class InsideStep(StepBase):
    """Pixels of class `inner` outside the convex hull of class `outer` become background. Where
    `outer` is absent, `inner` is removed."""

    name: Literal["inside"] = "inside"
    inner: int = Field(ge=1)
    outer: int = Field(ge=1)
    auto: ClassVar[bool] = False
    reads = "mask"

    @classmethod
    def fits(cls, classes: int, target: Target) -> bool:
        return classes > 2

    @model_validator(mode="after")
    def _two_classes(self) -> Self:
        if self.inner == self.outer:
            raise ValueError(f"inner and outer are both class {self.inner}; name two classes")
        return self


_AnyStep = (
    ThresholdStep
    | BiasStep
    | QuantileStep
    | PresenceStep
    | FillHolesStep
    | SmallestAreaStep
    | LargestComponentsStep
    | InsideStep
)
STEP_SPECS: dict[str, Any] = {
    spec.model_fields["name"].default: spec for spec in get_args(_AnyStep)
}
"""Name -> spec, in the order in which steps are applied."""
EXCLUSIVE = ("threshold", "quantile")
"""At most one of these steps can be applied to a mask, because each overwrites the other's
result."""

StepSpec = Annotated[_AnyStep, Field(discriminator="name")]


def in_order(steps: tuple[StepSpec, ...]) -> tuple[StepSpec, ...]:
    """Return the steps in the order in which they are applied.

    Only `inside` may occur several times; its steps keep their order. Raises ValueError if another
    step occurs twice, or if two steps exclude each other.
    """
    if not steps:
        return steps
    names = [step.name for step in steps if step.name != "inside"]
    problems = [
        f"{name} occurs {names.count(name)} times; keep one of them"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if set(EXCLUSIVE) <= set(names):
        problems.append(f"{' and '.join(EXCLUSIVE)} exclude each other; leave one of them out")
    if problems:
        raise ValueError("; ".join(problems))
    places = {name: place for place, name in enumerate(STEP_SPECS)}
    return tuple(sorted(steps, key=lambda step: places[step.name]))


Steps = Annotated[tuple[StepSpec, ...], AfterValidator(in_order)]
"""A field of steps. They are sorted by `in_order`."""


def applicable(classes: int, target: Target) -> tuple[str, ...]:
    """Return the names of the steps that `steps: auto` tries for this number of classes (background
    included) and target, in the order in which they are applied."""
    return tuple(
        name for name, spec in STEP_SPECS.items() if spec.auto and spec.fits(classes, target)
    )
