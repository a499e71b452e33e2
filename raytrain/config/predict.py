"""How an ensemble predicts: test-time augmentation, and the steps from a probability map to a
mask."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.steps import STEP_SPECS, applicable
from raytrain.config.target import Target

ViewGroup = Literal["hflip", "vflip", "turns", "scales", "shifts"]
"""A group of views of an image that test-time augmentation adds to the image itself."""
VIEW_COUNTS: dict[ViewGroup, int] = {"hflip": 1, "vflip": 1, "turns": 3, "scales": 2, "shifts": 4}
"""Number of views in each group."""


AUTO_STEPS = tuple(name for name, spec in STEP_SPECS.items() if spec.auto)
"""Names of the steps that have values to fit."""


def _known(name: str) -> str:
    if name not in AUTO_STEPS:
        raise ValueError(unknown_name(name, AUTO_STEPS))
    return name


class InsideSpec(Spec):
    """A class that lies inside another one, such as the left ventricle inside the myocardium."""

    name: Literal["inside"] = "inside"
    inner: str
    """Class whose pixels outside of the hull of `outer` are removed."""
    outer: str

    def class_problems(self, classes: tuple[str, ...]) -> list[str]:
        """Return the problems of the class names."""
        problems = [
            f"predict.steps: inside: {unknown_name(part, classes[1:])}"
            for part in (self.inner, self.outer)
            if part not in classes[1:]
        ]
        if self.inner == self.outer:
            problems.append(
                f"predict.steps: inside: inner and outer are both {self.inner}; name two classes"
            )
        return problems


StepName = Annotated[str, AfterValidator(_known)]


def _listed(value: Any) -> Any:
    if value in ("none", None):
        return ()
    return (value,) if isinstance(value, str) and value != "auto" else value


class PredictSpec(Spec):
    """What is tried on the out-of-fold maps, and kept only if it raises the score there."""

    tta: Annotated[
        Literal["auto"] | tuple[ViewGroup, ...],
        BeforeValidator(_listed, json_schema_input_type=str | tuple[ViewGroup, ...]),
    ] = "auto"
    """Test-time augmentation. `auto` tries the views that training drew (flips, turns, scales,
    shifts); a list tries these groups; `none` tries nothing. Each member keeps its own."""
    steps: Annotated[
        Literal["auto"] | tuple[StepName | InsideSpec, ...],
        BeforeValidator(_listed, json_schema_input_type=str | tuple[StepName | InsideSpec, ...]),
    ] = "auto"
    """Steps between the mean map and the mask. `auto` tries all that suit the classes, in a fixed
    order; a list tries these; `none` tries nothing. `{name: inside, inner: lv, outer: myo}` is
    tried only when it is listed."""

    def step_problems(self, classes: tuple[str, ...], target: Target) -> list[str]:
        """Return the problems of the listed steps with these classes."""
        problems = []
        suitable = ", ".join(applicable(len(classes), target))
        for step in () if self.steps == "auto" else self.steps:
            name = step if isinstance(step, str) else step.name
            if isinstance(step, InsideSpec):
                problems += step.class_problems(classes)
            if not STEP_SPECS[name].fits(len(classes), target):
                problems.append(
                    f"predict.steps: {name} does not work with {len(classes)} classes "
                    f"({target}); choose from {suitable}"
                )
        return problems
