"""SIGTERM while Ray waits: the command says that it was terminated."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from raytrain.cli import app
from tests.support import write_job


@pytest.fixture
def _handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_handler")
def test_a_terminated_command_says_so_although_ray_raises_its_own_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(spec: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            raise KeyboardInterrupt

    monkeypatch.setattr("raytrain.check", waits)
    done = CliRunner().invoke(app, ["check", str(write_job(tmp_path, tmp_path / "runs"))])
    assert done.exit_code == 143
    assert "terminated; all work up to the last epoch is saved" in done.output
