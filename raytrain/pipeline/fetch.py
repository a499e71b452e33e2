"""`fetch`: a competition's files, downloaded and unpacked; the folder is whole or not there."""

import os
import shutil
import zipfile
from pathlib import Path

from filelock import FileLock

from raytrain.config.job import JobSpec
from raytrain.data.archive import BrokenArchiveError, unpack
from raytrain.runs.files import read_json, write_json
from raytrain.submission import calls
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials


def fetch(job: JobSpec, folder: Path) -> Path:
    """Bring the competition into `folder` and return it, absolute.

    A zip inside the zip is unpacked into a folder of its name. Raises ValueError without slug or
    credentials, when the folder holds something, with Kaggle's reason, for an unsafe archive, and
    when the disk fails or has too little room; a finished download is then kept for the next time.
    """
    folder = folder.expanduser().absolute()
    slug = job.competition.submission.slug
    if slug is None:
        raise ValueError("competition.submission.slug: missing; it says what to download")
    if not has_credentials():
        raise ValueError(CREDENTIALS_HELP)
    # It stays until all is unpacked: Kaggle's client goes on from what is there.
    partial = folder.with_name(f".{folder.name}.fetch")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(
                f"{folder}: is not empty; remove it, or set competition.data to another"
            )
        (partial / "download").mkdir(parents=True, exist_ok=True)
        with FileLock(partial / "lock"):
            file = _downloaded(slug, partial)
            _unpacked(file, partial / "files").replace(folder)
        shutil.rmtree(partial)
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        raise ValueError(
            f"{what}; mend it, and run the same command again{_kept(partial)}"
        ) from None
    return folder


def _downloaded(slug: str, partial: Path) -> Path:
    """The competition's file, brought unless it was."""
    finished = partial / "finished.json"
    if finished.is_file():
        file = partial / "download" / read_json(finished)
        if file.is_file():
            return file
    file = calls.download(slug, partial / "download")
    write_json(finished, file.name)
    return file


def _unpacked(file: Path, files: Path) -> Path:
    """The folder `files` with what the download holds; a damaged download is deleted."""
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    try:
        if zipfile.is_zipfile(file) or file.suffix.lower() == ".zip":
            unpack(file, files)
        else:
            shutil.copyfile(file, files / file.name)
    except BaseException as error:
        shutil.rmtree(files, ignore_errors=True)
        if isinstance(error, BrokenArchiveError) and error.archive == file:
            file.unlink()
        elif isinstance(error, ValueError):
            raise ValueError(f"{error}{_kept(files.parent)}") from None
        raise
    return files


def _kept(partial: Path) -> str:
    """Where the download is, if there is one."""
    folder = partial / "download"
    # Path.glob raises for a name that is too long; isdir does not.
    files = sorted(folder.iterdir()) if os.path.isdir(folder) else []
    return f" (the download is kept: {files[0]})" if files else ""
