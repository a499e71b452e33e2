"""Safe unpacking of untrusted zip files."""

import lzma
import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path


class BrokenArchiveError(ValueError):
    """Raised when a file is not a complete zip. Downloading it again may help."""

    def __init__(self, archive: Path, reason: object):
        super().__init__(f"{archive.name}: broken archive: {reason}; download it again")
        self.archive, self.reason = archive, reason


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip, and the zips inside it, into `folder`. Each zip is checked before any of its
    files is written.

    Raises ValueError that lists the members that would leave the folder or replace a file, and when
    there is too little room; BrokenArchiveError for a damaged archive; OSError when the disk fails.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            if min((member.header_offset for member in opened.infolist()), default=0):
                # A truncated zip that contains another zip reads as if the inner one were the whole
                # file.
                raise zipfile.BadZipFile("its beginning is missing")
            problems = _unsafe(opened, folder)
            if problems:
                raise ValueError(
                    f"{archive.name}: unsafe archive, so nothing was unpacked; get one without "
                    "these members\n  " + "\n  ".join(problems)
                )
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_without_room(opened, archive, folder)
            opened.extractall(folder)
            inner = [folder / name for name in opened.namelist() if name.lower().endswith(".zip")]
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise BrokenArchiveError(archive, str(error) or type(error).__name__) from None
    for path in inner:
        unpack(path, path.with_suffix(""))
        path.unlink()


def _refuse_without_room(opened: zipfile.ZipFile, archive: Path, folder: Path) -> None:
    needed = sum(member.file_size for member in opened.infolist())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(
            f"{archive.name}: needs {needed / 1e9:.1f} GB unpacked, but {folder} has "
            f"{free / 1e9:.1f} GB free; make room there"
        )


def _unsafe(archive: zipfile.ZipFile, folder: Path) -> list[str]:
    """Return the problems of members that would be written to a wrong place."""
    problems = []
    seen: set[str] = set()
    for member in archive.infolist():
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name):
            problems.append(f"{name!r}: is an absolute path")
        elif ".." in re.split(r"[/\\]", name):
            problems.append(f"{name!r}: leaves the folder")
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problems.append(f"{name!r}: is a link or a special file")
        elif member.flag_bits & 1:
            problems.append(f"{name!r}: is encrypted")
        elif name in seen or (not member.is_dir() and (folder / name).exists()):
            problems.append(f"{name!r}: occurs twice, or its file already exists")
        seen.add(name)
    return problems
