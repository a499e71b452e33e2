"""A real S3 server for tests, which counts requests and can be away."""

import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from s3fs import S3FileSystem
from werkzeug.serving import WSGIRequestHandler, make_server

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Requests:
    """What reached the server, and what it does with what comes next."""

    application: Application
    counts: Counter[str] = field(default_factory=Counter)
    """Number by kind: PUT, GET, HEAD, LIST, DELETE."""
    paths: list[str] = field(default_factory=list)
    """Paths that were put, in order."""
    refused: int = 0
    """This many of the next requests find the storage away."""
    then_refused: dict[str, int] = field(default_factory=dict)
    """End of a path -> so many requests are refused once such a file was put."""
    wait_s: float = 0.0
    """Every request takes so much longer."""
    away_until: float = 0.0
    """Time by the monotonic clock before which the storage is away."""

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, query = environ["REQUEST_METHOD"], environ["QUERY_STRING"]
        time.sleep(self.wait_s)
        if self.refused or time.monotonic() < self.away_until:
            self.refused = max(0, self.refused - 1)
            self.counts["refused"] += 1
            start("503 Service Unavailable", [("Content-Length", "0")])
            return []
        kind = {"POST": "DELETE", "GET": "LIST" if "list-type" in query else "GET"}
        self.counts[kind.get(method, method)] += 1
        if method == "PUT":
            self.paths.append(environ["PATH_INFO"])
            for end in [end for end in self.then_refused if self.paths[-1].endswith(end)]:
                self.refused += self.then_refused.pop(end)
        return self.application(environ, start)


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        del type, message, args


@contextmanager
def bucket(name: str) -> Iterator[Requests]:
    """An empty bucket, and the environment that leads to it."""
    requests = Requests(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, requests, True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for key, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}", "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }.items():  # fmt: skip
            patch.setenv(key, value)
        # An earlier test's connections lead to its own server.
        S3FileSystem.clear_instance_cache()
        # moto keeps what is stored in this process, for all its servers.
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/moto-api/reset", b"").close()
        boto3.client("s3").create_bucket(Bucket=name)
        requests.counts.clear()
        try:
            yield requests
        finally:
            S3FileSystem.clear_instance_cache()
            server.shutdown()
            thread.join()
