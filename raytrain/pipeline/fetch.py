"""`fetch`: a competition's files, downloaded and unpacked; the folder is whole or not there."""

import shutil
import zipfile
from pathlib import Path

from filelock import FileLock

from raytrain.config.job import JobSpec
from raytrain.data.archive import unpack
from raytrain.submission import calls
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials


def fetch(job: JobSpec, folder: Path) -> Path:
    """Bring the competition into `folder` and return it, absolute.

    A zip inside the zip is unpacked into a folder of its name. Raises ValueError without slug or
    credentials, when the folder holds something, with Kaggle's reason, and for an unsafe archive.
    """
    folder = folder.expanduser().absolute()
    slug = job.competition.submission.slug
    if slug is None:
        raise ValueError("competition.submission.slug: missing; it says what to download")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: is not empty; remove it, or set competition.data to another")
    if not has_credentials():
        raise ValueError(CREDENTIALS_HELP)
    # It stays when the download is interrupted: Kaggle's client goes on from what is there.
    partial = folder.with_name(f".{folder.name}.fetch")
    (partial / "download").mkdir(parents=True, exist_ok=True)
    with FileLock(partial / "lock"):
        file = calls.download(slug, partial / "download")
        try:
            files = partial / "files"
            shutil.rmtree(files, ignore_errors=True)
            files.mkdir()
            if zipfile.is_zipfile(file):
                unpack(file, files)
            else:
                file.replace(files / file.name)
            files.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder
