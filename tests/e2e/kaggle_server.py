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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.kaggle_state import KEY, TOKEN, USER, Fault, Kaggle

SITE = """
from pathlib import Path

address = Path(__file__).with_name("kaggle_address")
if address.is_file():
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = address.read_text()
"""
"""A `sitecustomize.py`: for it, Kaggle is what the file `kaggle_address` beside it says."""


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
        fault = self._passed(fault)
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
        fault = self._passed(queue.pop(0) if queue else None)
        if fault is not None:
            return self._fail(fault)
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

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Kaggle's clock."""
        return super().date_time_string(self.server.kaggle.time())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output quiet."""

    def _knows_us(self, method: str, body: dict[str, Any]) -> bool:
        if method == "IntrospectToken":
            return body.get("token") == TOKEN
        basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        return self.headers["Authorization"] in (f"Bearer {TOKEN}", f"Basic {basic}")

    def _passed(self, fault: Fault | None) -> Fault | None:
        """The fault, unless it is one that only takes time."""
        kaggle = self.server.kaggle
        if fault is None:
            return None
        kaggle.ahead_s += fault.takes_s
        if fault.how == "slow":
            kaggle.reached.set()
            kaggle.released.wait(60)
        return None if fault.how in ("none", "slow") else fault

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
