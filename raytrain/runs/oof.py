"""`oof/`: out-of-fold maps, and `members.json`, which says which training made each of them."""

from pathlib import Path

from raytrain.config.base import Spec
from raytrain.runs.ensemble import Ensemble
from raytrain.runs.files import read_spec, write_json
from raytrain.runs.joined import JoinedDir
from raytrain.runs.layout import RunDir


class CrossValidation(Spec):
    """The content of `members.json`, which is written before the folds are trained."""

    folds: str
    """Hash of the folds."""
    members: tuple[tuple[str, ...], ...]
    """For each configuration, the fingerprint of each fold's training."""


def oof_path(run: RunDir, trial: str) -> Path:
    """Return the path of a fold's out-of-fold maps, in the order of its val ids, from the training
    with this fingerprint."""
    return run.oof / f"{trial}.npy"


def write_cross_validation(run: RunDir, found: CrossValidation) -> None:
    """Replace the file."""
    write_json(run.oof / "members.json", found.model_dump(mode="json"))


def read_cross_validation(run: RunDir) -> CrossValidation | None:
    """Return the content of the last `cv`; None before the first one."""
    path = run.oof / "members.json"
    remedy = "run `raytrain cv` again: it writes the file anew"
    return read_spec(path, CrossValidation, remedy) if path.is_file() else None


def ensemble_oof_paths(run: RunDir, ensemble: Ensemble, fold: int) -> list[Path]:
    """Return the files with the out-of-fold maps of the ensemble's members on a fold.

    A member is trained on all labeled images; its maps come from the trainings of its folds.
    """
    paths = [oof_path(run, member.folds[fold]) for member in ensemble.members]
    return paths + [JoinedDir(run.path / joined.maps).oof(fold) for joined in ensemble.joined]
