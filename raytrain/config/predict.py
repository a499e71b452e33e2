"""How an ensemble predicts: test-time augmentation, the steps from a probability map to a mask, and
self-training."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.steps import STEP_SPECS, applicable
from raytrain.config.target import Target

ViewGroup = Literal["hflip", "vflip", "turns", "scales", "shifts"]
"""A group of views of an image. Test-time augmentation averages their maps with the map of the
image itself."""
VIEW_COUNTS: dict[ViewGroup, int] = {"hflip": 1, "vflip": 1, "turns": 3, "scales": 2, "shifts": 4}
"""Number of views in each group."""


AUTO: Literal["auto"] = "auto"
STEP_NAMES = (AUTO, *STEP_SPECS)


def _known(name: str) -> str:
    if name not in STEP_NAMES:
        raise ValueError(unknown_name(name, STEP_NAMES))
    return name


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class StepToTry(Spec):
    """A step to try between map and mask, by its name. The step `inside` also needs the names of
    two classes."""

    name: Annotated[str, AfterValidator(_known)]
    inner: str | None = None
    """For `inside`: the class whose pixels outside the hull of `outer` are removed."""
    outer: str | None = None

    def problems(self, classes: tuple[str, ...], target: Target) -> list[str]:
        """Return the problems of the step with these classes; the first class is the background."""
        if self.name == AUTO:
            return []
        named = (self.inner, self.outer)
        if self.name != "inside" and named != (None, None):
            return [f"inner and outer are only for the step inside; leave them out of {self.name}"]
        if not STEP_SPECS[self.name].fits(len(classes), target):
            suitable = ", ".join(applicable(len(classes), target))
            return [
                f"{self.name} does not work with {len(classes)} classes ({target}); choose from "
                f"{suitable}"
            ]
        if self.name != "inside":
            return []
        if None in named or self.inner == self.outer:
            return [
                "inside needs two classes, such as {name: inside, inner: lv, outer: myo} (got "
                f"inner: {self.inner}, outer: {self.outer})"
            ]
        return [
            f"inside: {unknown_name(part, classes[1:])}"
            for part in named
            if part is not None and part not in classes[1:]
        ]


def _listed(value: Any) -> Any:
    if value in ("none", None):
        return ()
    return (value,) if isinstance(value, str | dict) else value


class PredictSpec(Spec):
    """What the choice of the ensemble tries on the out-of-fold maps. A change is kept only if it
    raises the out-of-fold score."""

    tta: Annotated[
        tuple[Literal["auto", "hflip", "vflip", "turns", "scales", "shifts"], ...],
        BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
    ] = (AUTO,)
    """Test-time augmentation. `auto` tries the kinds of views with which training was augmented
    (flips, turns, scales, shifts); a list tries these groups; `none` tries nothing. Each member
    keeps its own views."""
    steps: Annotated[
        tuple[Annotated[StepToTry, BeforeValidator(_named)], ...],
        BeforeValidator(_listed, json_schema_input_type=str | tuple[str | StepToTry, ...]),
    ] = (StepToTry(name=AUTO),)
    """Steps between the mean map and the mask. `auto` tries all steps that suit the classes, in a
    fixed order; a list tries these; `none` tries nothing. `{name: inside, inner: lv, outer: myo}`
    is tried only when it is listed, which is possible beside `auto`."""

    def step_problems(self, classes: tuple[str, ...], target: Target) -> list[str]:
        """Return the problems of the listed steps with these classes (background first), one line
        each."""
        found = [problem for step in self.steps for problem in step.problems(classes, target)]
        names = [step.name for step in self.steps if step.name != "inside"]
        found += [
            f"{name} is listed {names.count(name)} times; keep one of them"
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        ]
        return [f"predict.steps: {problem}" for problem in found]

    def tried_steps(self, classes: int, target: Target) -> list[StepToTry]:
        """Return the steps to try for this number of classes (background included) and target, in
        the order in which they are applied. `auto` is replaced by the steps that suit them."""
        steps = [step for step in self.steps if step.name != AUTO]
        if len(steps) < len(self.steps):
            listed = {step.name for step in steps}
            steps += [
                StepToTry(name=name) for name in applicable(classes, target) if name not in listed
            ]
        return sorted(steps, key=lambda step: [*STEP_SPECS].index(step.name))


MOST_LAYERS = 8
"""Largest number of overlapping classes with soft labels (`data/soft_labels.py`)."""


class SelfTrainSpec(Spec):
    """Trains each member again, on the labeled images and on the test images with soft labels.

    The soft labels are the calibrated maps of the chosen ensemble. The students replace the members
    only if that raises the out-of-fold score.
    """

    share: float = Field(0.5, gt=0, lt=1)
    """Share of test images among the images of an epoch. The number of images in an epoch does not
    change, so a gain does not come from a longer training. With `.5`, each epoch uses half of the
    labeled images."""
