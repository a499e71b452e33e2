"""Fixtures of these tests: a small run, and a server of our own that stands in for Kaggle."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from raytrain.runs.layout import RunDir
from raytrain.submission import calls, kaggle_client
from raytrain.submission import wait_for_score as scored
from raytrain.submission.child import Reply, Request
from tests.commands import printed
from tests.e2e.finished_run import truth, write_finished
from tests.e2e.installed import Installed, install
from tests.e2e.kaggle_server import running
from tests.e2e.kaggle_state import TOKEN, Kaggle
from tests.e2e.small_run import write_small_run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials, and an environment that names none."""
    for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VERBOSE", "1")  # makes the client print its token
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def kaggle(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """The server, with a valid token in the environment."""
    monkeypatch.setattr(scored, "FIRST_WAIT_S", 0)
    with running() as server:
        server.truth = truth()
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
        yield server
        assert server.strays == []


@pytest.fixture
def client_here(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kaggle's client in this process, where it is imported once."""

    def answered(command: Sequence[str], request: Request, *_: object) -> Reply:
        monkeypatch.setattr(sys, "argv", [*command[1:]])
        return json.loads(json.dumps(kaggle_client._answered(request)))

    monkeypatch.delenv("VERBOSE")  # calls.py takes it from the child
    monkeypatch.setattr(calls, "call", answered)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job whose run is ready to be submitted."""
    return write_finished(tmp_path)


@pytest.fixture(scope="session")
def _small_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(folder / "cache"))
        _, run = write_small_run(folder)
    printed("bundle", run.path, "--out", folder / "bundle.zip")
    return folder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def place(_small_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run, its data and its bundle, which tests leave as they are."""
    monkeypatch.setenv("RAYTRAIN_CACHE", str(_small_place / "cache"))
    return _small_place


@pytest.fixture
def run(place: Path) -> RunDir:
    """The run of `place`."""
    return RunDir(place / "runs" / "phantom" / "default")
