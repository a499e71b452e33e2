"""`joined/<name>/`: a team-mate's probability maps that share in the ensemble's mean."""

from raytrain.config.base import Spec
from raytrain.runs.files import read_spec
from raytrain.runs.layout import JoinedDir, RunDir


class Joined(Spec):
    """What `record.json` holds; written last: where it is, the maps are whole."""

    name: str
    fingerprint: str
    """Of the maps' contents, whatever the member is called."""
    folds: str
    """Hash of the folds that the out-of-fold maps were made on."""
    data: str
    """Fingerprint of the data that they are maps of."""
    source: str
    """The folder they came from."""
    sources: dict[str, str]
    """Its files -> SHA-256."""


def read_joined(run: RunDir) -> dict[str, Joined]:
    """All that joined, by name, in the order of their names."""
    records = sorted(run.joined.glob("*/record.json"))
    remedy = "delete its folder and add it again with `raytrain ensemble --add`"
    found = [read_spec(path, Joined, remedy) for path in records]
    return {joined.name: joined for joined in found}


def joined_dir(run: RunDir, name: str) -> JoinedDir:
    """Where the maps of one of them stand."""
    return JoinedDir(run.joined / name)
