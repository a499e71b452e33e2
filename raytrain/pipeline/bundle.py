"""`bundle`: an ensemble in one folder or zip. It predicts without its run."""

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

from raytrain.ensemble.source import open_source, write_bundle
from raytrain.runs.bundle import FILE, Bundle
from raytrain.runs.files import atomic_path

DATE = (1980, 1, 1, 0, 0, 0)
"""Date of all files of a zip, so that the same ensemble gives the same bytes."""


def bundle(path: Path, out: Path | None, trust: bool) -> tuple[Bundle, Path]:
    """Write a bundle of the run in the folder `path`; returns its content and its path. It is a zip
    if the name of `out` ends with .zip, else a folder.

    Without `out` it is `bundle.zip` in the run's folder. `trust` allows running the Python files of
    the run. Raises ValueError when `path` is not a folder, or when `out` exists and is not a
    bundle.
    """
    if not path.is_dir():
        raise ValueError(f"{path}: not a folder; give a run's, such as runs/<competition>/<run>")
    source = open_source(path, trust)
    target = out or path / "bundle.zip"
    as_zip = target.suffix == ".zip"
    if target.is_dir() if as_zip else _is_taken(target):
        raise ValueError(
            f"{target}: exists and is not a bundle; choose another --out, or remove it"
        )
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


def _is_taken(folder: Path) -> bool:
    if not folder.is_dir():
        return folder.exists()
    return any(folder.iterdir()) and not (folder / FILE).is_file()


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
