"""`ensemble.json`: which members are shipped and what is known of them before sending."""

from typing import Any

from raytrain.config.base import Spec


class Member(Spec):
    """One network of the ensemble."""

    name: str
    fingerprint: str
    """Of the trial that trained it on all labelled images."""
    checkpoint: str
    """Path under the run directory."""
    ranks: int
    """Worker processes that trained it."""
    oof: dict[str, Any]
    """Its own out-of-fold score."""


class Ensemble(Spec):
    """The mean of the members' probability maps, in equal weights."""

    fingerprint: str
    members: tuple[Member, ...]
    oof: dict[str, Any]
    """metric, score, low, high (95 % over groups), dice, per_class, classes, images."""
    folds: str
    """Hash of the folds that the score was taken on."""
    data: str
