"""Kaggle, behind a wall: the only file that imports kaggle, and only in a child process.

The client prints, exits, waits for ever and can repeat the token, so each operation is a child
(`python -m raytrain.submission.kaggle_client <operation>`) with a time limit, and secrets are
struck out of every text that comes back.
"""

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.submission.answers import Accepted, Refused, Unknown, explained
from raytrain.submission.child import Reply, Request, call, serve
from raytrain.submission.credentials import struck_out

LIMITS_S = {"submit": 900.0, "list": 120.0, "download": 6 * 3600.0}
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
ENTRY = "/CreateSubmission"
"""The request that enters a file; what fails before it has entered nothing."""
PARTIAL = ".kaggle-partial"
"""Suffix of the client's own notes beside a download."""


@dataclass(frozen=True)
class Submission:
    """One entry of Kaggle's list."""

    ref: int
    description: str


def submit(slug: str, file: Path, message: str, tag: str) -> Accepted | Refused | Unknown:
    """Upload a file and enter it, unless an entry's description holds `tag`, as `message` does."""
    request = {"slug": slug, "file": str(file), "message": message, "tag": tag}
    reply = _call("submit", request)
    if reply["outcome"] == "done":
        return Accepted(reply["value"])
    reason = explained(reply["status"], reply["text"], slug)
    return Refused(reason) if reply["outcome"] == "refused" else Unknown(reason)


def list_submissions(slug: str) -> list[Submission]:
    """All that was entered, newest first. Raises ValueError when Kaggle does not say."""
    return [Submission(**entry) for entry in _value("list", {"slug": slug})]


def download(slug: str, folder: Path) -> Path:
    """Bring a competition's files into a folder of their own, going on with what an interrupted
    download left there; returns the file, mostly a zip.

    Raises ValueError with Kaggle's reason.
    """
    return Path(_value("download", {"slug": slug, "folder": str(folder)}))


def _value(operation: str, request: Request) -> Any:
    reply = _call(operation, request)
    if reply["outcome"] != "done":
        raise ValueError(explained(reply["status"], reply["text"], request["slug"]))
    return reply["value"]


def _call(operation: str, request: Request) -> Reply:
    """The child's reply: outcome done (value), refused or unknown (status, text)."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    command = ["-m", "raytrain.submission.kaggle_client", operation]
    reply = call(command, request, LIMITS_S[operation], kept)
    if "lost" in reply:
        return {"outcome": "unknown", "status": None, "text": struck_out(reply["lost"])}
    return reply


class UploadError(Exception):
    """The file did not arrive, so it was not entered."""


# From here on everything runs in the child.


def _answered(request: Request) -> Reply:
    entering = False
    try:
        api = _logged_in()
        if sys.argv[1] == "list":
            return _done(_list(api, request))
        if sys.argv[1] == "download":
            return _done(_download(api, request))
        known = [
            entry["ref"] for entry in _list(api, request) if request["tag"] in entry["description"]
        ]
        entering = not known
        return _done(known[0] if known else _submit(api, request))
    except (Exception, SystemExit) as error:
        status, text = _said(error)
        url = getattr(getattr(error, "request", None), "url", None)
        earlier = isinstance(error, UploadError) or (url and not url.endswith(ENTRY))
        said_no = status is not None and 400 <= status < 500 and status != 408
        refused = not entering or earlier or said_no
        outcome = "refused" if refused else "unknown"
        return {"outcome": outcome, "status": status, "text": text}


def _done(value: Any) -> Reply:
    return {"outcome": "done", "value": value}


def _logged_in() -> Any:
    import kaggle

    if not kaggle.api._authenticated:
        kaggle.api.authenticate()  # the import hid the reason
    return kaggle.api


def _submit(api: Any, request: Request) -> int:
    response = api.competition_submit(
        request["file"], request["message"], request["slug"], quiet=True
    )
    if response.message == api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
        raise UploadError("the file could not be uploaded, nothing was entered")
    if not response.ref or response.ref < 1:
        raise ValueError(f"the reply names no submission ({response.message!r})")
    return response.ref


def _list(api: Any, request: Request) -> list[dict[str, Any]]:
    """Pages until one brings nothing new: the server may choose a page size of its own."""
    found: dict[int, str] = {}
    for number in itertools.count(1):
        page = api.competition_submissions(request["slug"], page_number=number, page_size=100)
        new = {entry.ref: entry.description for entry in page or () if entry.ref not in found}
        if not new:
            break
        found |= new
    return [{"ref": ref, "description": text} for ref, text in found.items()]


def _download(api: Any, request: Request) -> str:
    api.competition_download_files(request["slug"], request["folder"], force=False, quiet=True)
    files = [path for path in Path(request["folder"]).iterdir() if path.suffix != PARTIAL]
    return str(files[0])


def _said(error: BaseException) -> tuple[int | None, str]:
    """Kaggle's status and words, from a flat or a nested body; else the error itself."""
    if isinstance(error, SystemExit):
        return 401, "none of the credentials is valid"
    response = getattr(error, "response", None)
    if response is None:  # a Response is falsy for 4xx and 5xx
        return None, _short(f"{type(error).__name__}: {error}")
    try:
        body = response.json()
        body = body.get("error", body)
        status, text = int(body.get("code") or response.status_code), str(body["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return response.status_code, _short(response.text or response.reason or "")
    return (response.status_code if response.status_code >= 400 else status), _short(text)


def _short(text: str) -> str:
    """One line of at most 300 characters, without secrets: a proxy may answer with a page."""
    return " ".join(struck_out(text).split())[:300]


if __name__ == "__main__":
    serve(_answered)
