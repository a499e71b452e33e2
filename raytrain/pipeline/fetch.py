"""`fetch`: a competition's files, downloaded and unpacked; the folder is whole or not there."""

import shutil
import tempfile
import zipfile
from pathlib import Path

from raytrain.config.job import JobSpec
from raytrain.data.archive import unpack
from raytrain.submission import kaggle_client
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
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        (temporary / "download").mkdir()
        (temporary / "files").mkdir()
        file = kaggle_client.download(slug, temporary / "download")
        if zipfile.is_zipfile(file):
            unpack(file, temporary / "files")
        else:
            file.replace(temporary / "files" / file.name)
        (temporary / "files").replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
