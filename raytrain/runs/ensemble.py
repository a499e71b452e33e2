"""`ensemble.json`: the members of the ensemble, and its scores before sending."""

from typing import Annotated, Any

from pydantic import AfterValidator

from raytrain.config.base import Spec, below
from raytrain.runs.files import read_spec
from raytrain.runs.layout import RunDir


class Member(Spec):
    """One network of the ensemble."""

    name: str
    fingerprint: str
    """Fingerprint of its trial on all labeled images."""
    checkpoint: Annotated[str, AfterValidator(below)]
    """Path relative to the run directory."""
    ranks: int
    """Number of worker processes that trained it."""
    folds: tuple[str, ...]
    """Fingerprints of the trainings on its folds, which made its out-of-fold maps."""
    oof: dict[str, Any]
    """Its own out-of-fold score."""


class JoinedMember(Spec):
    """A teammate's probability maps; there is no network to predict with."""

    name: Annotated[str, AfterValidator(below)]
    fingerprint: str
    """Fingerprint of the maps."""
    maps: Annotated[str, AfterValidator(below)]
    """Path of their folder relative to the run directory (`JoinedDir`)."""
    oof: dict[str, Any]
    """Its own out-of-fold score."""


class Ensemble(Spec):
    """The mean of the members' probability maps, with equal weights."""

    fingerprint: str
    members: tuple[Member, ...]
    joined: tuple[JoinedMember, ...] = ()
    oof: dict[str, Any]
    """metric, score, low, high (95 % over groups), dice, per_class, classes, images, confusion."""
    folds: str
    """Hash of the folds that the score was computed on."""
    data: str

    @property
    def shares(self) -> tuple[Member | JoinedMember, ...]:
        """All members with maps in the mean."""
        return (*self.members, *self.joined)


def read_ensemble(run: RunDir) -> Ensemble:
    """Return the run's ensemble. Raises ValueError when there is none, or its file is damaged."""
    if not run.ensemble.is_file():
        raise ValueError(f"{run.path}: there is no ensemble yet; run `raytrain finalize` first")
    remedy = "delete it and run `raytrain finalize`: it writes the file again"
    return read_spec(run.ensemble, Ensemble, remedy)
