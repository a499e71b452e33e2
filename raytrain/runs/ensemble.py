"""`ensemble.json`: the candidates, what was chosen from them, and the evidence for the choice."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from raytrain.config.base import Spec, below
from raytrain.config.codes import CodedError
from raytrain.config.predict import ViewGroup
from raytrain.config.steps import StepSpec
from raytrain.runs.files import read_spec
from raytrain.runs.layout import RunDir

PIXELS = 30_000_000
"""The choice of the ensemble looks at whole groups of images with about this number of pixels."""

GROUPS = 6
"""Least number of groups that a richer choice must score differently. Draws of fewer differences
say too little: a single group that gains wins more than 80 % of them."""

Below = Annotated[str, AfterValidator(below)]
"""A path relative to the run directory."""


class Network(Spec):
    """A trained network of a member."""

    fingerprint: str
    """Fingerprint of its training."""
    checkpoint: Below
    ranks: int
    """Number of worker processes that trained it."""


class Candidate(Spec):
    """A configuration with out-of-fold maps, or a teammate's maps."""

    name: str
    folds: tuple[str, ...] = ()
    """Fingerprints of the trainings on the folds, which made the maps; empty for a teammate."""
    maps: Below | None = None
    """Folder of a teammate's maps (`JoinedDir`)."""
    fingerprint: str
    """Fingerprint of the trainings on the folds, or of a teammate's maps."""
    tried: tuple[ViewGroup, ...] = ()
    """The groups of views with out-of-fold maps."""
    networks: tuple[Network, ...] = ()
    """The networks that predict new images, with equal weights; empty if it is no member."""
    oof: dict[str, Any]
    """Its own out-of-fold score."""


class Choice(Spec):
    """One way to turn the candidates' maps into masks."""

    weights: tuple[int, ...]
    """Weight of each candidate in the mean; 0: it is left out."""
    views: tuple[tuple[ViewGroup, ...], ...]
    """Groups of views of each candidate that are averaged with the image itself."""
    steps: tuple[StepSpec, ...] = ()
    """Steps from the mean map to the mask."""


class Comparison(Spec):
    """One thing that was tried, against the best so far; both are scored nested, out of fold."""

    what: Literal["views", "ensemble", "step", "self-training"]
    name: str
    score: float
    low: float
    high: float
    """Upper end of the 95 % interval over groups; `low` is the lower end."""
    gain: float | None = None
    """Score minus that of the best so far; null for the first."""
    gain_low: float | None = None
    gain_high: float | None = None
    wins: float | None = None
    """Share of paired group draws in which it scores higher, 0 .. 1."""
    detectable: float | None = None
    """The smallest gain that this comparison could have detected (power .8 at alpha .05)."""
    differing: int | None = None
    """Number of groups with two different scores; it is kept only with at least `GROUPS`."""
    groups: int | None = None
    """Number of groups."""
    passes: int
    """Network passes for each image."""
    kept: bool
    curves: dict[str, list[tuple[float, float]]] = {}
    """For each class, the score at each value of a step, on the images of the choice."""


class Ensemble(Spec):
    """The ensemble and how it was chosen."""

    fingerprint: str
    candidates: tuple[Candidate, ...]
    chosen: Choice
    """What was chosen without leaving out a fold: it predicts the test images."""
    nested: tuple[Choice, ...]
    """For each fold, what was chosen without its images: the scores are of these choices."""
    comparisons: tuple[Comparison, ...] = ()
    disagreement: tuple[tuple[float, ...], ...] = ()
    """Share of the pixels on which the masks of two candidates differ."""
    chosen_on: int
    """Number of labeled images at which the choice looked. The comparisons are on these, the scores
    in `oof` on all."""
    oof: dict[str, Any]
    """metric, score, low, high (95 % over groups), dice, per_class, classes, images, confusion."""
    folds: str
    """Hash of the folds that the score was computed on."""
    data: str

    @property
    def members(self) -> tuple[tuple[Candidate, int, tuple[ViewGroup, ...]], ...]:
        """The candidates in the mean, each with its weight and its views."""
        parts = zip(self.candidates, self.chosen.weights, self.chosen.views, strict=True)
        return tuple((each, weight, views) for each, weight, views in parts if weight)

    @property
    def text(self) -> str:
        """The members with their weights, and the steps."""
        weights = {weight for _, weight, _ in self.members}
        names = [
            member.name if len(weights) == 1 else f"{weight} x {member.name}"
            for member, weight, _ in self.members
        ]
        steps = [step.name for step in self.chosen.steps]
        return " + ".join(names) + (f", then {', '.join(steps)}" if steps else "")

    @property
    def left_out(self) -> tuple[Candidate, ...]:
        """The candidates that are not in the mean."""
        parts = zip(self.candidates, self.chosen.weights, strict=True)
        return tuple(each for each, weight in parts if not weight)


def looked_at(count: int, images: int) -> str:
    """Return the number of labeled images at which a choice looked, and why not at all of them."""
    share = f"{count} of {images} labeled images"
    if count == images:
        return share
    return f"{share} (whole groups with about {PIXELS / 1e6:.0f} million pixels)"


def read_ensemble(run: RunDir) -> Ensemble:
    """Return the run's ensemble. Raises ValueError when there is none, or its file is damaged."""
    if not run.ensemble.is_file():
        raise CodedError(
            "missing", f"{run.path}: there is no ensemble yet; run `raytrain finalize` first"
        )
    remedy = "delete it and run `raytrain finalize`: it writes the file again"
    return read_spec(run.ensemble, Ensemble, remedy)
