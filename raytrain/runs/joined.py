"""`joined/<name>/`: a teammate's probability maps, which are a part of the ensemble's mean."""

from dataclasses import dataclass
from pathlib import Path

from raytrain.config.base import Spec
from raytrain.runs.files import read_spec
from raytrain.runs.layout import RunDir


@dataclass(frozen=True)
class JoinedDir:
    """`joined/<name>/`: maps that a teammate made, and raytrain did not predict."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def test(self) -> Path:
        """Maps of the test images, in the order of the data report."""
        return self.path / "test.npy"

    def oof(self, fold: int) -> Path:
        """Return the path of the maps of a fold's held-out images, in the order of the fold's val
        ids."""
        return self.path / f"oof_fold{fold}.npy"


class Joined(Spec):
    """The content of `joined/<name>/record.json`. It is written last: if it exists, the maps are
    complete."""

    name: str
    fingerprint: str
    """Fingerprint of the maps' contents. It does not depend on the member's name."""
    folds: str
    """Hash of the folds of the out-of-fold maps."""
    data: str
    """Fingerprint of the data."""
    source: str
    """The folder from which the maps were copied."""
    sources: dict[str, str]
    """Path of a file in that folder -> its SHA-256."""


def read_joined(run: RunDir) -> dict[str, Joined]:
    """Return the records of the teammates' maps in a run: name -> record, sorted by name."""
    records = sorted(run.joined.glob("*/record.json"))
    remedy = "delete its folder and add it again with `raytrain ensemble --add`"
    found = [read_spec(path, Joined, remedy) for path in records]
    return {joined.name: joined for joined in found}


def joined_dir(run: RunDir, name: str) -> JoinedDir:
    """Return the folder in a run for the maps of a teammate."""
    return JoinedDir(run.joined / name)
