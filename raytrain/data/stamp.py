"""`data_stamp.json`: shows whether the data has changed since it was read in full.

Reading takes milliseconds per image, but sizes and times of files are available at once.
"""

import os
from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.own import current_sources
from raytrain.data.checks import inspect
from raytrain.data.report import DataReport, read_report
from raytrain.data.source import local_folder
from raytrain.runs.files import read_json, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import remove


def read_anew(competition: CompetitionSpec, run: RunDir) -> DataReport:
    """Read all data in full, even if no file has changed, and return the report. Raises ValueError
    that lists every problem."""
    remove(run.stamp)
    return inspect(competition)


def read_if_changed(competition: CompetitionSpec, run: RunDir) -> DataReport:
    """Return the report of the last full reading if no file has changed in size or time and the
    competition's spec is the same; otherwise read all data."""
    if run.stamp.is_file() and run.data_report.is_file():
        remedy = "delete it; the next command reads the data again"
        if read_json(run.stamp, remedy) == {"stamp": stamp(competition)}:
            return read_report(run.data_report)
    return read_anew(competition, run)


def keep_stamp(run: RunDir, stamp: str) -> None:
    """Store a stamp (from `stamp`) in the run's folder. It must have been made before the data was
    read, so that a file that changes during the reading is read again."""
    write_json(run.stamp, {"stamp": stamp})


def stamp(competition: CompetitionSpec) -> str:
    """Return a fingerprint of everything that determines the report: the competition's spec, users'
    files, the list of excluded images, and the path, size and time of all data files."""
    words = competition.model_dump(mode="json", exclude={"submission", "metric"})
    sources = [source.hash for source in current_sources()]
    root = local_folder(competition.data)
    listed = Path(competition.exclude).expanduser() if competition.exclude is not None else None
    excluded = listed.read_bytes().hex() if listed is not None and listed.is_file() else ""
    return fingerprint(words, sources, excluded, sorted(_files(root, "")))


def _files(folder: Path | str, below: str) -> list[tuple[str, int, int]]:
    """Return the path, size and time of every file. Links are followed."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{below}{entry.name}"
            try:
                if entry.is_dir():
                    found += _files(entry.path, f"{name}/")
                else:
                    facts = entry.stat()
                    found.append((name, facts.st_size, facts.st_mtime_ns))
            except OSError:
                found.append((name, -1, -1))  # a broken link, which a full reading reports
    return found
