"""Kaggle's own client, which only this module imports. It runs as a child process of `calls.py`.

`python -m raytrain.submission.kaggle_client <operation>` reads one request and answers with
`{"outcome": "done", "value": ...}`, or "refused" or "unknown" with Kaggle's status and text.
"""

import itertools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from raytrain.submission.child import Reply, Request, serve
from raytrain.submission.credentials import without_secrets

PARTIAL = ".kaggle-partial"
"""Suffix of the file in which the client keeps the state of a download."""

_DATES: list[str] = []
"""The `Date` header of each answer, newest last."""


class UploadError(ConnectionError):
    """Raised when the file was not uploaded completely."""


class TooLateError(TimeoutError):
    """Raised when the lease ran out before the request was made."""


def _answered(request: Request) -> Reply:
    entering = False
    try:
        api = _logged_in()
        if sys.argv[1] in ASKING:
            return _done(ASKING[sys.argv[1]](api, request))
        known = [e["ref"] for e in _list(api, request) if request["tag"] in e["description"]]
        if not known and _now() > datetime.fromisoformat(request["enter_by"]):
            raise TooLateError("this machine was too slow, so nothing was entered")
        entering = not known
        return _done(known[0] if known else ENTERING[sys.argv[1]](api, request))
    except (Exception, SystemExit) as error:
        reply = _said(error)
        said_no = reply["status"] is not None and 400 <= reply["status"] < 500
        refused = not entering or (said_no and reply["status"] != 408)
        return {"outcome": "refused" if refused else "unknown", **reply}


def _done(value: Any) -> Reply:
    return {"outcome": "done", "value": value}


def _logged_in() -> Any:
    import kaggle

    if not kaggle.api._authenticated:
        kaggle.api.authenticate()  # the import hid the reason of the failure
    kaggle.api.get_response_processor = lambda: _note_date
    return kaggle.api


def _note_date(response: Any) -> None:
    if "Date" in response.headers:
        _DATES.append(response.headers["Date"])


def _now() -> datetime:
    """Return Kaggle's time, which is the same for every machine. Without an answer of Kaggle, it is
    this machine's time."""
    try:
        return parsedate_to_datetime(_DATES[-1]).astimezone(UTC)
    except (IndexError, ValueError):
        return datetime.now(UTC)


def _upload(api: Any, request: Request) -> dict[str, Any]:
    """Upload the file, if there is one, without entering it. Then read the list. Raises UploadError
    when the upload is incomplete."""
    from kaggle.api.kaggle_api_extended import ResumableUploadResult
    from kagglesdk.competitions.types.competition_api_service import ApiStartSubmissionUploadRequest

    token = ""
    if request["file"]:
        file, asked = Path(request["file"]), ApiStartSubmissionUploadRequest()
        asked.competition_name = request["slug"]
        asked.file_name, asked.content_length = file.name, file.stat().st_size
        asked.last_modified_epoch_seconds = int(file.stat().st_mtime)
        with api.build_kaggle_client() as kaggle:
            place = kaggle.competitions.competition_api_client.start_submission_upload(asked)
        arrived = api.upload_complete(str(file), place.create_url, quiet=True)
        if arrived != ResumableUploadResult.COMPLETE:
            raise UploadError("the file could not be uploaded, so nothing was entered")
        token = place.token
    entries = _list(api, request)
    return {"token": token, "entries": entries, "now": _now().isoformat()}


def _enter(api: Any, request: Request) -> int:
    from kagglesdk.competitions.types.competition_api_service import ApiCreateSubmissionRequest

    asked = ApiCreateSubmissionRequest()
    asked.competition_name, asked.blob_file_tokens = request["slug"], request["token"]
    asked.submission_description = request["message"]
    with api.build_kaggle_client() as kaggle:
        return _ref(kaggle.competitions.competition_api_client.create_submission(asked))


def _enter_code(api: Any, request: Request) -> int:
    return _ref(
        api.competition_submit_code(
            request["file"], request["message"], request["slug"], request["notebook"],
            int(request["version"]), quiet=True,
        )
    )  # fmt: skip


def _ref(response: Any) -> int:
    if not response.ref or response.ref < 1:
        raise ValueError(f"Kaggle's reply has no submission number ({response.message!r})")
    return response.ref


def _standing(api: Any, request: Request) -> dict[str, Any]:
    from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

    asked = ApiGetCompetitionRequest()
    asked.competition_name = request["slug"]
    with api.build_kaggle_client() as kaggle:
        found = kaggle.competitions.competition_api_client.get_competition(asked)
    limits = api.competition_get_submission_limits(request["slug"])
    entries = _list(api, request)
    return {
        "now": _now().isoformat(),
        "deadline": _moment(found.deadline),
        "entered": bool(found.user_has_entered),
        "notebooks_only": bool(found.is_kernels_submissions_only),
        "closed": bool(found.submissions_disabled),
        "rank": found.user_rank or None,
        "used_today": limits.num_today,
        "used_ever": limits.num_total,
        "left_now": limits.num_allowed_now,
        "limited_by_total": bool(limits.limited_by_total),
        "entries": entries,
    }


def _list(api: Any, request: Request) -> list[dict[str, Any]]:
    """Read pages until one contains nothing new, because the server may choose its own page
    size."""
    pages = (_page(api, request["slug"], number) for number in itertools.count(1))
    found: dict[int, dict[str, Any]] = {}
    while new := {e.ref: _entry(e) for e in next(pages) if e.ref not in found}:
        found |= new
    return [*found.values()]


def _page(api: Any, slug: str, number: int) -> list[Any]:
    from kagglesdk.competitions.types.submission_status import SubmissionStatus

    while True:
        try:
            return api.competition_submissions(slug, page_number=number, page_size=100) or []
        except KeyError as unknown:
            # A state that this client does not know breaks the whole list; it is not a final state.
            states = SubmissionStatus._member_map_
            states[unknown.args[0]] = SubmissionStatus.PENDING


def _entry(entry: Any) -> dict[str, Any]:
    return {
        "ref": entry.ref,
        "date": _moment(entry.date),
        "file": entry.file_name or "",
        "size": entry.total_bytes or 0,
        "description": entry.description or "",
        "state": entry.status.name.lower(),
        "error": _short(entry.error_description or ""),
        "public": _score(entry.public_score),
        "private": _score(entry.private_score),
    }


def _download(api: Any, request: Request) -> str:
    api.competition_download_files(request["slug"], request["folder"], force=False, quiet=True)
    files = [path for path in Path(request["folder"]).iterdir() if path.suffix != PARTIAL]
    return str(files[0])


ASKING: dict[str, Callable[[Any, Request], Any]] = {
    "standing": _standing,
    "upload": _upload,
    "download": _download,
}
ENTERING: dict[str, Callable[[Any, Request], int]] = {
    "enter": _enter,
    "enter_code": _enter_code,
}


def _moment(value: datetime | None) -> str | None:
    """Return one of Kaggle's times with its zone. Kaggle writes UTC without a zone."""
    return value.replace(tzinfo=UTC).isoformat() if value else None


def _score(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:  # blank until the entry is scored
        return None


def _said(error: BaseException) -> Reply:
    """Return Kaggle's status and text, from a flat or a nested body. Without them, return the error
    itself."""
    if isinstance(error, SystemExit):
        return {"status": 401, "text": "none of the credentials is valid"}
    from requests.exceptions import ConnectionError as CutError
    from requests.exceptions import Timeout

    response = getattr(error, "response", None)
    if response is None:  # `not response` does not work: a Response is falsy for 4xx and 5xx
        cut = isinstance(error, CutError | Timeout | ConnectionError | TimeoutError)
        text = _short(f"{type(error).__name__}: {error}")
        return {"status": None, "text": text, "connected": not cut}
    status, text = response.status_code, response.text or response.reason or ""
    try:
        body = response.json()
        body = body.get("error", body)
        text = str(body["message"])
        status = status if status >= 400 else int(body["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    retry_after = response.headers.get("Retry-After", "")
    seconds = {"retry_after": retry_after} if retry_after.isdigit() else {}
    return {"status": status, "text": _short(text), **seconds}


def _short(text: str) -> str:
    """Return one line of at most 300 characters, without secrets, because a proxy may answer with a
    whole page."""
    return " ".join(without_secrets(text).split())[:300]


if __name__ == "__main__":
    serve(_answered)
