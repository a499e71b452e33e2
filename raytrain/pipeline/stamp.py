"""`data_stamp.json`: by which it is known that the data is as it was when it was read fully.

Reading takes milliseconds an image; sizes and times of files are there at once.
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


def read_anew(competition: CompetitionSpec, run: RunDir) -> DataReport:
    """Read all data. Raises ValueError listing every problem."""
    run.stamp.unlink(missing_ok=True)
    return inspect(competition)


def read_if_changed(competition: CompetitionSpec, run: RunDir) -> DataReport:
    """The report of the last full reading, where no file has another size or time since and the
    competition says the same; else read anew."""
    if run.stamp.is_file() and run.data_report.is_file():
        remedy = "delete it: the data is read again"
        if read_json(run.stamp, remedy) == {"stamp": stamp(competition)}:
            return read_report(run.data_report)
    return read_anew(competition, run)


def keep_stamp(run: RunDir, stamp: str) -> None:
    """Say of which files the run's report is, as they were before they were read."""
    write_json(run.stamp, {"stamp": stamp})


def stamp(competition: CompetitionSpec) -> str:
    """Fingerprint of what decides the report: the competition's words, users' files, and path, size
    and time of all files of the data."""
    words = competition.model_dump(mode="json", exclude={"submission", "metric"})
    sources = [source.hash for source in current_sources()]
    root = local_folder(competition.data)
    return fingerprint(words, sources, sorted(_files(root, "")))


def _files(folder: Path | str, below: str) -> list[tuple[str, int, int]]:
    """Path, size and time of every file, links followed."""
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
                found.append((name, -1, -1))  # a broken link, which a full reading tells of
    return found
