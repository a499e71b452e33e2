"""A Kaggle of our own on 127.0.0.1 that speaks the wire protocol of the client, faults included.

The client reaches it as a proxy: with `KAGGLE_API_ENVIRONMENT=LOCALHOST` it asks for
`http://localhost/api/v1/<service>/<Method>`, and a call to anywhere else shows up as a foreign
host or a CONNECT; these are refused and recorded in `strays`. Where a proxy would get between
other parties, `SITE` points the client straight here, which then asks for `/v1/...`.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np

TOKEN = "KGAT_7c1f0e5e2b9d4a53"
USER, KEY = "ann", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
PAGE = 20
"""Submissions a page, whatever the client asks for."""


SITE = """
from pathlib import Path

address = Path(__file__).with_name("kaggle_address")
if address.is_file():
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = address.read_text()
"""
"""A `sitecustomize.py`: for it, Kaggle is what the file `kaggle_address` beside it says."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong at one method, once it was received."""

    how: Literal["status", "drop", "hang", "none"]
    """Answer a status; cut the connection; say nothing until the client is gone; or nothing."""
    accepts: bool = False
    """Do what was asked first."""
    status: int = 0
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Kaggle:
    """One competition, and all that the server saw and is to do."""

    slug: str = "heart"
    url: str = ""
    submissions: list[dict[str, Any]] = field(default_factory=list)
    """In order of arrival, with the uploaded bytes under `content`."""
    rules: dict[str, Any] = field(
        default_factory=lambda: {
            "deadline": "2999-12-31T23:59:00Z", "userHasEntered": True, "userRank": 7,
        }
    )  # fmt: skip
    """What GetCompetition says."""
    daily: int = 5
    """Valid submissions that a day has."""
    total: int = 1000
    """Valid submissions that a team has."""
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    """Row id -> mask (H, W); the first half decides the public score, the rest the private one."""
    states: list[str] = field(default_factory=list)
    """What the next looks at a pending entry are told, before it is scored."""
    archive: bytes = b""
    ranges: list[str | None] = field(default_factory=list)
    """What each download of the archive asked for."""
    stuck_after: int | None = None
    """Bytes of the archive after which a download stands still."""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """Method -> what happens to its next calls, one each."""
    methods: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    """A client stands before a silent server."""
    gone: threading.Event = field(default_factory=threading.Event)
    """That client's connection has ended."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def environment(self) -> dict[str, str]:
        """What points the unmodified client here, and nowhere else."""
        proxies = dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), self.url
        )
        return {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "NO_PROXY": "", "no_proxy": "", **proxies}

    def enter(self, token: str, description: str) -> dict[str, Any]:
        return self.entered(description, {"fileName": f"{token}.csv"}, self.uploads[token])

    def entered(self, description: str, more: dict[str, Any], content: bytes) -> dict[str, Any]:
        entry = {
            "ref": 1000 + len(self.submissions),
            "description": description,
            "date": "2026-03-01T12:00:00.123Z",
            "status": "PENDING",
            "content": content,
            **more,
        }
        self.submissions.append(entry)
        return {"message": "Successfully submitted", "ref": entry["ref"]}

    def limits(self) -> dict[str, Any]:
        valid = sum(entry["status"] != "ERROR" for entry in self.submissions)
        left = max(0, min(self.daily, self.total) - valid)
        by_total = self.total < self.daily
        used = {"numToday": valid, "numTotal": valid}
        return {**used, "numAllowedNow": left, "limitedByTotal": by_total}

    def judge(self, entry: dict[str, Any]) -> None:
        """The next step of an entry that is looked at."""
        if entry["status"] in ("COMPLETE", "ERROR"):
            return
        if self.states:
            entry["status"] = self.states.pop(0)
            return
        entry |= scores(entry["content"], self.truth)

    def page(self, number: int) -> list[dict[str, Any]]:
        newest = self.submissions[::-1]
        part = newest[(number - 1) * PAGE : number * PAGE]
        return [{k: v for k, v in entry.items() if k != "content"} for entry in part]

    def answer(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to an RPC."""
        if method == "IntrospectToken":
            return {"active": True, "username": USER}
        assert body["competitionName"] == self.slug
        if method == "GetCompetition":
            return {"ref": f"https://www.kaggle.com/competitions/{self.slug}", **self.rules}
        if method == "GetSubmissionLimits":
            return self.limits()
        if method == "CreateCodeSubmission":
            told = {key: body[key] for key in ("kernelOwner", "kernelSlug", "kernelVersion")}
            return self.entered(body["submissionDescription"], told, b"")
        if method == "StartSubmissionUpload":
            token = f"blob-{len(self.uploads)}"
            return {"token": token, "createUrl": f"{self.url}/upload/{token}"}
        if method == "CreateSubmission":
            return self.enter(body["blobFileTokens"], body["submissionDescription"])
        assert method == "ListSubmissions", method
        for entry in self.submissions:
            self.judge(entry)
        return {"submissions": self.page(body.get("page", 1))}


def scores(content: bytes, truth: dict[str, np.ndarray]) -> dict[str, Any]:
    """What Kaggle makes of a CSV: the mean Dice of its rows, or why it has none."""
    rows = [line.split(",") for line in content.decode().splitlines()[1:]]
    if sorted(row[0] for row in rows) != sorted(truth):
        reason = f"Evaluation Exception: Submission must have {len(truth)} rows"
        return {"status": "ERROR", "errorDescription": reason}
    dice = []
    for id, text in rows:
        pixels = np.zeros(truth[id].size, bool)
        numbers = [int(word) for word in text.split()]
        for start, length in zip(numbers[::2], numbers[1::2], strict=True):
            pixels[start - 1 : start - 1 + length] = True
        pred_HW = pixels.reshape(truth[id].shape[::-1]).T
        both, either = int((pred_HW & truth[id]).sum()), int(pred_HW.sum() + truth[id].sum())
        dice.append(2 * both / either if either else 1.0)
    half = -(-len(dice) // 2)
    public, private = (f"{np.mean(part):.5f}" for part in (dice[:half], dice[half:]))
    return {"status": "COMPLETE", "publicScore": public, "privateScore": private}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_CONNECT(self) -> None:
        self.server.kaggle.strays.append(f"CONNECT {self.path}")
        self._reply(403, "nothing but localhost")

    def do_POST(self) -> None:
        kaggle, method = self.server.kaggle, self.path.rsplit("/", 1)[-1]
        body = json.loads(self._body() or "{}")
        if not self.path.startswith(("http://localhost/api/v1/", "/v1/")):
            kaggle.strays.append(f"POST {self.path}")
            return self._reply(403, "nothing but localhost")
        with kaggle.lock:
            kaggle.methods.append(method)
            queue = kaggle.faults.get(method, [])
            fault = queue.pop(0) if queue else None
        if not self._knows_us(method, body):
            return self._reply(
                401, json.dumps({"error": {"code": 401, "message": "Unauthenticated"}})
            )
        fault = None if fault is not None and fault.how == "none" else fault
        if fault is not None and not fault.accepts:
            return self._fail(fault)
        if method == "DownloadDataFiles":
            return self._redirect(f"http://localhost/files/{kaggle.slug}.zip?signature=abc")
        with kaggle.lock:
            reply = json.dumps(kaggle.answer(method, body))
        return self._fail(fault) if fault is not None else self._reply(200, reply)

    def do_PUT(self) -> None:
        kaggle, content = self.server.kaggle, self._body()
        kaggle.methods.append("PUT")
        queue = kaggle.faults.get("PUT", [])
        if queue:
            return self._fail(queue.pop(0))
        kaggle.uploads[self.path.rsplit("/", 1)[-1]] = content
        return self._reply(200, "{}")

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.hostname != "localhost" or not path.path.startswith("/files/"):
            self.server.kaggle.strays.append(f"GET {self.path}")
            return self._reply(403, "nothing but localhost")
        return self._send_archive(self.server.kaggle)

    def _send_archive(self, kaggle: Kaggle) -> None:
        """The archive, or the rest of it as Google's storage sends it; stuck if so told."""
        asked = self.headers["Range"]
        kaggle.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        rest = kaggle.archive[start:]
        self.send_response(206 if asked else 200)
        for name, value in (
            ("Content-Length", str(len(rest))), ("Accept-Ranges", "bytes"), ("ETag", '"one"'),
            ("Content-Type", "application/zip"),
            *([("Content-Range", f"bytes {start}-{len(kaggle.archive) - 1}/{len(kaggle.archive)}")]
              if asked else []),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        if kaggle.stuck_after is None:
            self.wfile.write(rest)
            return
        self.wfile.write(rest[: kaggle.stuck_after])
        self.wfile.flush()
        self._fail(Fault("hang"))

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output quiet."""

    def _knows_us(self, method: str, body: dict[str, Any]) -> bool:
        if method == "IntrospectToken":
            return body.get("token") == TOKEN
        basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        return self.headers["Authorization"] in (f"Bearer {TOKEN}", f"Basic {basic}")

    def _fail(self, fault: Fault) -> None:
        if fault.how == "status":
            kind = "application/json" if fault.body.startswith("{") else "text/html"
            self._reply(fault.status, fault.body, kind, fault.headers)
        elif fault.how == "hang":
            self.server.kaggle.reached.set()
            self.connection.recv(1)  # returns when the client's end is closed
            self.server.kaggle.gone.set()
        self.close_connection = True

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _reply(
        self, status: int, body: str | bytes, kind: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:  # fmt: skip
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kaggle: Kaggle


@contextmanager
def running() -> Iterator[Kaggle]:
    """A server on a free port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.kaggle = Kaggle(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.kaggle
        finally:
            server.shutdown()
            thread.join()
