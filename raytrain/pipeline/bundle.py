"""`bundle`: an ensemble in one folder or zip. It predicts without its run."""

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from raytrain.ensemble.source import open_source, write_bundle
from raytrain.runs.bundle import FILE, Bundle
from raytrain.runs.files import atomic_path

DATE = (1980, 1, 1, 0, 0, 0)
"""Date of all files of a zip, so that the same ensemble gives the same bytes."""


def bundle(
    path: Path, out: Path | None, trust: bool, beside: Mapping[str, str]
) -> tuple[Bundle, Path]:
    """Write a bundle of the run in the folder `path`; returns its content and its path. It is a zip
    if the name of `out` ends with .zip, else a folder.

    Without `out` it is `bundle.zip` in the run's folder. `trust` allows running the Python files of
    the run. `beside` are the names of the files that are written beside a zip later, each with a
    text by which an earlier one is known. Raises ValueError when `path` is not a folder, or when a
    file that is not of a bundle would be lost.
    """
    if not path.is_dir():
        raise ValueError(f"{path}: not a folder; give a run's, such as runs/<competition>/<run>")
    source = open_source(path, trust)
    target = out or path / "bundle.zip"
    as_zip = target.suffix == ".zip"
    taken = [target] if (target.exists() and not _is_bundle(target, as_zip)) else []
    if as_zip:
        files = {target.with_name(name): text for name, text in beside.items()}
        taken += [file for file, text in files.items() if file.exists() and not _has(file, text)]
    if taken:
        remedy = "exists and is not a bundle's; choose another --out, or move it away"
        raise ValueError("\n".join(f"{each}: {remedy}" for each in taken))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        folder = temporary / "new"
        folder.mkdir()
        written = write_bundle(source, folder)
        if as_zip:
            _zip(folder, target)
        else:
            if target.exists():
                target.rename(temporary / "old")
            folder.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written, target


def _is_bundle(target: Path, as_zip: bool) -> bool:
    """Return whether a path is a bundle of this kind, or an empty folder for one."""
    if as_zip:
        if not zipfile.is_zipfile(target):
            return False
        with zipfile.ZipFile(target) as archive:
            return FILE in archive.namelist()
    return target.is_dir() and ((target / FILE).is_file() or not any(target.iterdir()))


def _has(file: Path, text: str) -> bool:
    return file.is_file() and text.encode() in file.read_bytes()


def _zip(folder: Path, target: Path) -> None:
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            entry = zipfile.ZipInfo.from_file(
                path, path.relative_to(folder), strict_timestamps=False
            )
            entry.date_time = DATE
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            with path.open("rb") as file, archive.open(entry, "w") as inside:
                shutil.copyfileobj(file, inside)
