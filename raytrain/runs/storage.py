"""Remedies for errors of the operating system or of a storage."""

import errno

_PLACES = "`storage`, RAYTRAIN_CACHE or competition.submission.ledger"
_NOT_WRITABLE = f"make it writable, or name another place with {_PLACES}"
REMEDIES = {
    errno.ENOSPC: f"make room there, or name another place with {_PLACES}",
    errno.EDQUOT: f"make room in the quota, or name another place with {_PLACES}",
    errno.EROFS: _NOT_WRITABLE,
    errno.EACCES: _NOT_WRITABLE,
    errno.EPERM: _NOT_WRITABLE,
    errno.ENOTDIR: f"a file stands where a folder is needed; move it, or change {_PLACES}",
    errno.EEXIST: f"a file stands where a folder is needed; move it, or change {_PLACES}",
    errno.EISDIR: "a folder stands where a file is needed; move it",
    errno.ENAMETOOLONG: "give a shorter name or path",
    errno.ENOENT: "it was removed, or its disk is not mounted; run the same command again",
    errno.EMFILE: "allow more open files (ulimit -n), or set fewer resources.loaders",
    errno.ENOMEM: "free memory, or lower resources.loaders and trial.batch_size",
}
_AWAY = "see that the storage answers, then run the same command again: it goes on from there"


def storage_text(error: OSError) -> str:
    """Return the error as a sentence for the user: where, what, and what to do."""
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or str(error) or type(error).__name__
    return f"{where}{what}; {REMEDIES.get(error.errno or 0, _AWAY)}"
