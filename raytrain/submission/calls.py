"""What can be asked of Kaggle, each as a child process with a time limit.

The client prints, exits, waits for ever and can repeat the token, so it runs in a process of its
own (`kaggle_client.py`), and secrets are struck out of every text that comes back.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from raytrain.config.competition import NotebookSpec
from raytrain.submission.answers import Accepted, Entry, Refused, Standing, Unknown, explained
from raytrain.submission.child import Reply, Request, call
from raytrain.submission.credentials import struck_out

LIMITS_S = {"standing": 120.0, "submit": 900.0, "submit_code": 120.0, "download": 6 * 3600.0}
"""Seconds that an operation may take."""

UNWANTED = (
    "VERBOSE",  # these two print every request with the token
    "VERBOSE_OUTPUT",
    "KAGGLE_TOKEN",  # half honoured by the client: it spoils a good key
    "KAGGLE_COMPETITION",
    "KAGGLE_PATH",
    "KAGGLE_COMPETITION_SUBMISSION_MODEL_VERSION_ID",
)
"""Variables that the child does not inherit."""


def read_standing(slug: str) -> Standing:
    """What the competition allows and what was entered. Raises ValueError with Kaggle's reason."""
    value = _value("standing", {"slug": slug})
    entries = tuple(_entry(entry) for entry in value.pop("entries"))
    deadline = _moment(value.pop("deadline"))
    return Standing(entries=entries, deadline=deadline, **value)


def submit(slug: str, file: Path, message: str, tag: str) -> Accepted | Refused | Unknown:
    """Upload a file and enter it, unless an entry's description holds `tag`, as `message` does."""
    return _entered("submit", {"slug": slug, "file": str(file), "message": message, "tag": tag})


def submit_code(
    slug: str, notebook: NotebookSpec, message: str, tag: str
) -> Accepted | Refused | Unknown:
    """Enter the file that a notebook leaves, unless an entry's description holds `tag`."""
    version, file = str(notebook.version), notebook.file
    request = {"slug": slug, "notebook": notebook.name, "version": version, "file": file}
    return _entered("submit_code", {**request, "message": message, "tag": tag})


def download(slug: str, folder: Path) -> Path:
    """Bring a competition's files into a folder of their own, going on with what an interrupted
    download left there; returns the file, mostly a zip.

    Raises ValueError with Kaggle's reason.
    """
    return Path(_value("download", {"slug": slug, "folder": str(folder)}))


def _entered(operation: str, request: Request) -> Accepted | Refused | Unknown:
    reply = _call(operation, request)
    if reply["outcome"] == "done":
        return Accepted(reply["value"])
    reason = _explained(reply, request)
    return Refused(reason) if reply["outcome"] == "refused" else Unknown(reason)


def _value(operation: str, request: Request) -> Any:
    reply = _call(operation, request)
    if reply["outcome"] != "done":
        raise ValueError(_explained(reply, request))
    return reply["value"]


def _explained(reply: Reply, request: Request) -> str:
    return explained(reply["status"], reply["text"], request["slug"], reply.get("retry_after"))


def _call(operation: str, request: Request) -> Reply:
    """The child's reply: outcome done (value), refused or unknown (status, text, retry_after)."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    command = ["-m", "raytrain.submission.kaggle_client", operation]
    reply = call(command, request, LIMITS_S[operation], kept)
    if "lost" in reply:
        return {"outcome": "unknown", "status": None, "text": struck_out(reply["lost"])}
    return reply


def _entry(value: dict[str, Any]) -> Entry:
    return Entry(**{**value, "date": _moment(value["date"])})


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
