"""`ensemble.json`: the candidates, the choice from them, and the evidence for the choice."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from raytrain.config.base import Spec, below
from raytrain.config.codes import CodedError
from raytrain.config.predict import ViewGroup
from raytrain.config.steps import StepSpec
from raytrain.runs.files import read_spec
from raytrain.runs.layout import RunDir

PIXELS = 30_000_000
"""The ensemble is chosen from whole groups of images with about this number of pixels."""

GROUPS = 6
"""Smallest number of groups that a richer choice must score differently. With fewer groups, the
draws say too little: a single group that gains wins more than 80 % of them."""

Below = Annotated[str, AfterValidator(below)]
"""A path relative to the run directory."""


class Network(Spec):
    """A trained network of a member."""

    fingerprint: str
    """Fingerprint of its training."""
    checkpoint: Below
    ranks: int
    """Number of worker processes that trained the network."""


class Candidate(Spec):
    """A configuration with out-of-fold maps, or a teammate's maps."""

    name: str
    folds: tuple[str, ...] = ()
    """Fingerprints of the trainings on the folds that made the maps; empty for a teammate."""
    maps: Below | None = None
    """Folder of a teammate's maps (`JoinedDir`); null for a configuration."""
    fingerprint: str
    """Fingerprint of the trainings on the folds, or of a teammate's maps."""
    tried: tuple[ViewGroup, ...] = ()
    """The groups of views for which out-of-fold maps exist."""
    networks: tuple[Network, ...] = ()
    """The networks that predict new images, with equal weights; empty if the candidate is not a
    member."""
    oof: dict[str, Any]
    """The candidate's own out-of-fold score, with the keys of `Ensemble.oof`."""


class Choice(Spec):
    """One way to turn the candidates' maps into masks."""

    weights: tuple[int, ...]
    """Weight of each candidate in the mean; 0 if the candidate is left out."""
    views: tuple[tuple[ViewGroup, ...], ...]
    """For each candidate, the groups of views that are averaged with the image itself."""
    steps: tuple[StepSpec, ...] = ()
    """Steps from the mean map to the mask."""


class Comparison(Spec):
    """One thing that was tried, compared with the best so far. Both scores are nested and out of
    fold."""

    what: Literal["views", "ensemble", "step", "self-training"]
    name: str
    score: float
    low: float
    high: float
    """Upper end of the 95 % interval of the score, over groups; `low` is the lower end."""
    gain: float | None = None
    """Score minus the score of the best so far; null for the first row."""
    gain_low: float | None = None
    gain_high: float | None = None
    wins: float | None = None
    """Share of paired group draws in which the tried ensemble scores higher, 0 .. 1."""
    detectable: float | None = None
    """The smallest gain that this comparison could have detected (power .8 at alpha .05)."""
    differing: int | None = None
    """Number of groups that the two compared ensembles score differently. What was tried is kept
    only if there are at least `GROUPS` of them."""
    groups: int | None = None
    """Number of groups."""
    passes: int
    """Number of network passes for each image."""
    kept: bool
    curves: dict[str, list[tuple[float, float]]] = {}
    """For each class, the score at each value of a step, on the images from which the ensemble was
    chosen."""
    temperatures: tuple[float, ...] = ()
    """For self-training, the temperatures that calibrated the soft labels of the teachers."""


class Ensemble(Spec):
    """The content of `ensemble.json`: the ensemble, and how it was chosen."""

    fingerprint: str
    candidates: tuple[Candidate, ...]
    chosen: Choice
    """The choice that was made on all folds. It predicts the test images."""
    nested: tuple[Choice, ...]
    """For each fold, what was chosen without the fold's images. The scores are of these choices."""
    comparisons: tuple[Comparison, ...] = ()
    disagreement: tuple[tuple[float, ...], ...] = ()
    """Share of the pixels on which the masks of two candidates differ."""
    chosen_on: int
    """Number of labeled images from which the ensemble was chosen. The comparisons are on these
    images; the scores in `oof` are on all."""
    oof: dict[str, Any]
    """metric, score, low, high (95 % over groups), dice, per_class, classes, images, confusion."""
    folds: str
    """Hash of the folds from which the score was computed."""
    data: str

    @property
    def members(self) -> tuple[tuple[Candidate, int, tuple[ViewGroup, ...]], ...]:
        """The candidates in the mean, each with its weight and its views."""
        parts = zip(self.candidates, self.chosen.weights, self.chosen.views, strict=True)
        return tuple((each, weight, views) for each, weight, views in parts if weight)

    @property
    def text(self) -> str:
        """The names of the members, with their weights if these differ, and of the steps."""
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
    """Return the number of labeled images from which a choice was made, and why it is not all of
    them."""
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
