"""Unpacking zip files that strangers packed."""

import re
import stat
import zipfile
import zlib
from pathlib import Path


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
