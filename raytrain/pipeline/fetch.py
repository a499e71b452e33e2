"""`fetch`: download and unpack a competition's files; the folder is complete or absent."""

import os
import shutil
import zipfile
from pathlib import Path

from filelock import FileLock

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.data.archive import BrokenArchiveError, unpack
from raytrain.runs.files import read_json, write_json
from raytrain.submission import calls
from raytrain.submission.credentials import CREDENTIALS_HELP, NO_SLUG, has_credentials


def fetch(job: JobSpec, folder: Path) -> Path:
    """Download the competition into `folder` and return its absolute path.

    A zip inside the zip is unpacked into a folder of its name. Raises ValueError if slug or
    credentials are missing, if the folder is not empty, if Kaggle refuses the download (with its
    reason), if the archive is unsafe, and if the disk fails or lacks space. A finished download is
    kept for the next attempt.
    """
    folder = folder.expanduser().absolute()
    slug = job.competition.submission.slug
    if slug is None:
        raise ValueError(NO_SLUG)
    if not has_credentials():
        raise CodedError("credentials", CREDENTIALS_HELP)
    # Kept until all files are unpacked, because Kaggle's client resumes partial downloads.
    partial = folder.with_name(f".{folder.name}.fetch")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(
                f"{folder}: it is not empty; remove it, or set competition.data to another folder"
            )
        (partial / "download").mkdir(parents=True, exist_ok=True)
        with FileLock(partial / "lock"):
            file = _downloaded(slug, partial)
            _unpacked(file, partial / "files").replace(folder)
        shutil.rmtree(partial)
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        raise ValueError(
            f"{what}; correct the cause, then run the same command again{_kept(partial)}"
        ) from None
    return folder


def _downloaded(slug: str, partial: Path) -> Path:
    """Return the competition's file. It is downloaded unless that was done before."""
    finished = partial / "finished.json"
    if finished.is_file():
        file = partial / "download" / read_json(finished)
        if file.is_file():
            return file
    file = calls.download(slug, partial / "download")
    write_json(finished, file.name)
    return file


def _unpacked(file: Path, files: Path) -> Path:
    """Unpack the download into the folder `files` and return the folder. A damaged download is
    deleted. Raises ValueError when the download cannot be unpacked."""
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
    """Return a note about the location of the download, if there is one."""
    folder = partial / "download"
    # Path.glob raises for a name that is too long; isdir does not.
    files = sorted(folder.iterdir()) if os.path.isdir(folder) else []
    return f" (the download is kept: {files[0]})" if files else ""
