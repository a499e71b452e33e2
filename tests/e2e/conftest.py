"""Fixtures of the tests that talk to Kaggle: a server of our own stands in for it, alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from raytrain.pipeline import scored
from tests.e2e.finished_run import truth, write_finished
from tests.e2e.kaggle_server import running
from tests.e2e.kaggle_state import TOKEN, Kaggle


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
def job(tmp_path: Path) -> Path:
    """A job whose run is ready to be submitted."""
    return write_finished(tmp_path)
