"""The version of a run folder's files, stored in `data.json`, which every run folder has."""

from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir

VERSION = 2
"""Version of a run folder. It gets a higher number when the meaning of a file in the folder
changes."""
REMEDY = "delete it: the next command reads the data and writes it again"


def verify_version(run: RunDir) -> None:
    """Raise ValueError when another version of raytrain wrote the folder."""
    if not run.data_report.is_file():
        return
    found = read_json(run.data_report, REMEDY).get("version", 0)
    if found != VERSION:
        age = "an older" if found < VERSION else "a newer"
        raise ValueError(
            f"{run.path}: {age} raytrain wrote this run folder (version {found}, this one is "
            f"{VERSION}); name another run, such as --set run=second"
        )
