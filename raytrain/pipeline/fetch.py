"""`fetch`: a competition's files, downloaded and unpacked; the folder is whole or not there."""

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from raytrain.config.job import JobSpec
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


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip and the zips in it; each is looked through before a file of it is written.

    Raises ValueError that lists the members that would leave the folder or replace a file.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            problems = _unsafe(opened, folder)
            if problems:
                raise ValueError(
                    f"{archive.name}: unsafe archive, nothing of it was unpacked\n  "
                    + "\n  ".join(problems)
                )
            opened.extractall(folder)
            inner = [folder / name for name in opened.namelist() if name.lower().endswith(".zip")]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(f"{archive.name}: broken archive: {error}; fetch it again") from None
    for path in inner:
        unpack(path, path.with_suffix(""))
        path.unlink()


def _unsafe(archive: zipfile.ZipFile, folder: Path) -> list[str]:
    """Members that a careless unpacking would write to where they do not belong."""
    problems = []
    seen: set[str] = set()
    for member in archive.infolist():
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name):
            problems.append(f"{name!r}: an absolute path")
        elif ".." in re.split(r"[/\\]", name):
            problems.append(f"{name!r}: leaves the folder")
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problems.append(f"{name!r}: a link or a special file")
        elif member.flag_bits & 1:
            problems.append(f"{name!r}: encrypted")
        elif name in seen or (not member.is_dir() and (folder / name).exists()):
            problems.append(f"{name!r}: stands there twice")
        seen.add(name)
    return problems
