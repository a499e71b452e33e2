"""`watch`: the report as a live page on this machine's loopback address. The page is made from the
records when a browser requests it."""

import html
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from raytrain.pipeline.report import page_of
from raytrain.runs.files import storage_text
from raytrain.runs.jobs import read_job
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import fetch
from raytrain.submission.ledger import ledger_of

ADDRESS = "127.0.0.1"
RELOAD_S = 5
"""Number of seconds after which the open page asks for its parts again."""
NAMES = (ADDRESS, "localhost")
"""Names of this machine in a request. Another name may belong to a foreign page that resolves its
name to this machine (DNS rebinding)."""
NOT_SHOWN = ("checkpoints", "tensorboard", "tracking", "weights")
"""Folders whose files are not on the page. Checkpoints are among them, because each epoch has a row
in the history, too."""
NOTHING_YET = """<!doctype html><html lang="en"><meta charset="utf-8"><title>raytrain watch</title>
<meta http-equiv="refresh" content="{seconds}"><p>{text}</p>"""


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD requests for the page, if they name this machine."""

    server: "PageServer"

    def do_GET(self) -> None:
        self._answer(*self._found())

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def _found(self) -> tuple[HTTPStatus, str]:
        name, _, port = self.headers.get("Host", "").partition(":")
        if name not in NAMES or port != str(self.server.server_port):
            return HTTPStatus.FORBIDDEN, f"this page is only at {self.server.address}"
        if self.path != "/":
            return HTTPStatus.NOT_FOUND, f"the page is at {self.server.address}"
        try:
            with self.server.lock:  # one at a time; matplotlib needs this, too
                return HTTPStatus.OK, self.server.page()
        except ValueError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        except OSError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, storage_text(error)

    def _answer(self, status: HTTPStatus, text: str) -> None:
        if status != HTTPStatus.OK:
            text = NOTHING_YET.format(seconds=RELOAD_S, text=html.escape(text))
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class PageServer(ThreadingHTTPServer):
    """Serves one page on the loopback address. `server_close` ends it."""

    daemon_threads = True

    def __init__(self, page: Callable[[], str], port: int):
        """`page` returns the page's HTML. Port 0 means any free port.

        Raises ValueError when the port is taken.
        """
        self.page, self.lock = page, Lock()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ValueError(
                f"--port {port}: {error.strerror}; choose another port, or 0 for a free one"
            ) from None

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error of a browser that has closed the connection. Other errors are shown as
        usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """The URL of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"


class LivePage:
    """Makes the page of a run. It is made again whenever a file of the run or the ledger has
    changed."""

    def __init__(self, run: RunDir):
        self._run = run
        self._made_of: object = None
        self._text = ""

    def __call__(self) -> str:
        """Return the page. Raises ValueError when there is nothing to show or a file is damaged."""
        fetch(self._run.path)
        job = read_job(self._run)
        if job is None:
            raise ValueError(f"{self._run.path}: no job is here yet; run `raytrain check` first")
        ledger = ledger_of(job, self._run)
        # First the state, then the page: a change in between makes it anew at the next request.
        state = _files(self._run.path), ledger.read()
        if state != self._made_of:
            self._text = page_of(self._run, ledger, RELOAD_S)
            self._made_of = state
        return self._text


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each file whose content is on the page."""
    found = {}
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SHOWN]
        for name in names:
            with suppress(FileNotFoundError):  # a temporary file
                known = os.stat(os.path.join(path, name))
                found[os.path.join(path, name)] = known.st_size, known.st_mtime_ns
    return found


def server(run: RunDir, port: int) -> PageServer:
    """Return a server of the run's page. It shows a message while the run has no results.

    The page is made once in advance, so that the first answer does not wait for the import of
    libraries.
    """
    page = LivePage(run)
    with suppress(ValueError, OSError):
        page()
    return PageServer(page, port)
