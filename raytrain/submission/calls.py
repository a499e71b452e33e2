"""Requests to Kaggle, each in a child process with a time limit.

Kaggle's client prints, exits, can wait forever and can repeat the token. So it runs in its own
process (`kaggle_client.py`), and secrets are removed from every text that it returns.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from raytrain.config.competition import NotebookSpec
from raytrain.submission.answers import (
    Accepted,
    Cause,
    Entry,
    Refused,
    RefusedError,
    Standing,
    Unknown,
    Uploaded,
    cause_of,
    explained,
)
from raytrain.submission.child import Reply, Request, call
from raytrain.submission.credentials import stripped, without_secrets
from raytrain.submission.lease import ENTERING_S

LIMITS_S = {
    "standing": 120.0, "upload": 900.0, "enter": ENTERING_S, "enter_code": ENTERING_S,
    "download": 6 * 3600.0,
}  # fmt: skip
"""Time limit of each operation in seconds."""

UNWANTED = (
    "VERBOSE",  # this one and the next print every request with the token
    "VERBOSE_OUTPUT",
    "KAGGLE_TOKEN",  # the client honors it only in part, which invalidates a good key
    "KAGGLE_COMPETITION",
    "KAGGLE_PATH",
    "KAGGLE_COMPETITION_SUBMISSION_MODEL_VERSION_ID",
)
"""Environment variables that the child does not inherit."""


def read_standing(slug: str) -> Standing:
    """Return the competition's rules and entries. Raises RefusedError with Kaggle's reason."""
    value = _value("standing", {"slug": slug})
    return Standing(**{**value, **_listed(value), "deadline": _moment(value["deadline"])})


def upload(slug: str, file: Path | None) -> Uploaded:
    """Upload a file without entering it, and read Kaggle's list. Without a file, only read the
    list.

    Raises RefusedError with Kaggle's reason.
    """
    value = _value("upload", {"slug": slug, "file": str(file or "")})
    return Uploaded(**{**value, **_listed(value)})


def enter(
    slug: str, notebook: NotebookSpec | None, token: str, message: str, tag: str, by: datetime
) -> Accepted | Refused | Unknown:
    """Enter the uploaded file, or the file that the notebook writes.

    Kaggle's list is read immediately before. Nothing is entered when a description in the list
    contains `tag`, which is a part of `message`, or when Kaggle's clock is past `by`.
    """
    request = {"slug": slug, "message": message, "tag": tag, "enter_by": by.isoformat()}
    if notebook is None:
        return _entered("enter", {**request, "token": token})
    version = str(notebook.version)
    code = {"notebook": notebook.name, "version": version, "file": notebook.file}
    return _entered("enter_code", {**request, **code})


def download(slug: str, folder: Path) -> Path:
    """Download a competition's files into a folder of their own. An interrupted download in the
    folder is continued.

    Returns the file, usually a zip.

    Raises RefusedError with Kaggle's reason.
    """
    return Path(_value("download", {"slug": slug, "folder": str(folder)}))


def _entered(operation: str, request: Request) -> Accepted | Refused | Unknown:
    reply = _call(operation, request)
    if reply["outcome"] == "done":
        return Accepted(reply["value"])
    reason = _explained(reply, request)
    return Refused(reason, _cause(reply)) if reply["outcome"] == "refused" else Unknown(reason)


def _value(operation: str, request: Request) -> Any:
    reply = _call(operation, request)
    if reply["outcome"] != "done":
        raise RefusedError(_explained(reply, request), _cause(reply))
    return reply["value"]


def _cause(reply: Reply) -> Cause:
    return cause_of(reply["status"], reply.get("connected", False))


def _explained(reply: Reply, request: Request) -> str:
    return explained(reply["status"], reply["text"], request["slug"], reply.get("retry_after"))


def _call(operation: str, request: Request) -> Reply:
    """Return the child's reply. Its outcome is done (with value), refused or unknown (with status,
    text, connected, retry_after)."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    command = ["-m", "raytrain.submission.kaggle_client", operation]
    reply = call(command, request, LIMITS_S[operation], kept | stripped())
    if "lost" in reply:
        return {"outcome": "unknown", "status": None, "text": without_secrets(reply["lost"])}
    return reply


def _listed(value: dict[str, Any]) -> dict[str, Any]:
    entries = tuple(Entry(**{**e, "date": _moment(e["date"])}) for e in value["entries"])
    return {"entries": entries, "now": _moment(value["now"])}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
