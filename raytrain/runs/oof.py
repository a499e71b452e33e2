"""`oof/`: out-of-fold maps, and `members.json`, which names the training that made each of them."""

from pathlib import Path

from raytrain.config.base import Spec
from raytrain.config.predict import ViewGroup
from raytrain.runs.ensemble import Candidate
from raytrain.runs.files import read_spec, write_json
from raytrain.runs.layout import RunDir


class CrossValidation(Spec):
    """The content of `members.json`, which is written before the folds are trained."""

    folds: str
    """Hash of the folds."""
    members: tuple[tuple[str, ...], ...]
    """For each configuration, the fingerprint of each fold's training."""


def oof_path(run: RunDir, trial: str, views: ViewGroup | None = None) -> Path:
    """Return the path of a fold's out-of-fold maps by the training with this fingerprint. They are
    in the order of the fold's val ids. `views` is a group of views whose mean they are; None: the
    images without changes."""
    return run.oof / (f"{trial}.npy" if views is None else f"{trial}.{views}.npy")


def write_cross_validation(run: RunDir, found: CrossValidation) -> None:
    """Write `oof/members.json`. An earlier file is replaced."""
    write_json(run.oof / "members.json", found.model_dump(mode="json"))


def read_cross_validation(run: RunDir) -> CrossValidation | None:
    """Return the content of `oof/members.json`; None before the first `raytrain cv`."""
    path = run.oof / "members.json"
    remedy = "run `raytrain cv` again: it writes the file again"
    return read_spec(path, CrossValidation, remedy) if path.is_file() else None


def candidate_oof_paths(run: RunDir, candidate: Candidate) -> list[Path]:
    """Return the files with the out-of-fold maps of a candidate, of all folds and views."""
    if candidate.maps is not None:
        return sorted((run.path / candidate.maps).glob("oof_fold*.npy"))
    groups = (None, *candidate.tried)
    return [oof_path(run, trial, group) for trial in candidate.folds for group in groups]
