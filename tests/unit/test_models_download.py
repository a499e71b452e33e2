"""Published encoder weights, from a hub of our own on this machine: they are had, or given up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import timm
import torch
from safetensors.torch import save

from raytrain.config.models import SetrSpec, SmpSpec
from raytrain.models import build_model
from raytrain.models.weights import fetch_weights, weights_file

VIT = "tu-test_vit"
SPECS = (
    SmpSpec(encoder="tu-test_resnet", weights="imagenet"),
    SmpSpec(decoder="dpt", encoder=VIT, weights="imagenet"),
    SetrSpec(encoder=VIT, weights="imagenet"),
)


@cache
def _published(name: str) -> bytes:
    """Weights of one of timm's networks, all of them .01: nothing random is like that."""
    state = timm.create_model(name).state_dict()
    return save({key: torch.full_like(value, 0.01) for key, value in state.items()})


class _Hub(BaseHTTPRequestHandler):
    silent: Event | None = None

    def do_GET(self) -> None:
        if self.silent is not None:
            self.silent.wait()
            return
        # /timm/resnet18.a1_in1k/resolve/main/model.safetensors
        content = _published(self.path.split("/")[2].split(".")[0])
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"0123"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _hub(silent: Event | None) -> Iterator[str]:
    handler = type("Hub", (_Hub,), {"silent": silent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        if silent is not None:
            silent.set()
        server.shutdown()


@pytest.fixture
def hub_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes an address the hub's."""

    def made(address: str) -> None:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    return made


@pytest.mark.slow
def test_networks_of_timm_start_from_what_is_published(
    tmp_path: Path, hub_of: Callable[[str], None]
) -> None:
    with _hub(None) as address:
        hub_of(address)
        for spec in SPECS:
            fetch_weights(spec, tmp_path)
    for spec in SPECS:
        path = weights_file(spec, tmp_path)
        assert path is not None
        encoder = build_model(spec, 3, 2, path).encoder.state_dict()
        floats = [value for value in encoder.values() if value.is_floating_point()]
        same = sum(bool((value == 0.01).all()) for value in floats)
        assert same == len(floats) > 10, spec.label


def test_a_hub_that_does_not_answer_is_given_up(
    tmp_path: Path, hub_of: Callable[[str], None]
) -> None:
    reason = (
        r"the imagenet weights of tu-test_resnet could .* did not end within 1 s.*weights: null"
    )
    with _hub(Event()) as address:
        hub_of(address)
        with pytest.raises(ValueError, match=reason):
            fetch_weights(SPECS[0], tmp_path, 1)
    assert not list(tmp_path.glob("*.pt"))
