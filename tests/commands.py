"""Commands in this process, and in processes of their own that a server forks with all imports
done.

A new interpreter takes ten seconds of CPU to import torch, Ray and albumentations. What is proved
about a command's imports is proved in new interpreters (`tests/unit/test_imports.py`).
"""

import atexit
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from typer.testing import CliRunner

from raytrain.cli import app

PRELOADED = [
    "raytrain.cli", "raytrain.pipeline.run", "raytrain.pipeline.demo",
    "raytrain.cluster.run_search", "raytrain.cluster.launch", "raytrain.engine.trial",
    "raytrain.data.augment", "torch._dynamo",
]  # fmt: skip


def quick_processes() -> ForkServerContext:
    """New processes that have the heavy imports done: the server that forks them did them once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Command:
    """A `raytrain` command that runs, with the part of subprocess.Popen that tests use."""

    def __init__(
        self, *words: object, out: Path, err: Path | None = None, env: dict[str, str] | None = None
    ):
        """`out`, `err`: files for its output; without `err` both go to `out`."""
        self._process = quick_processes().Process(
            target=_run, args=([*map(str, words)], {**os.environ, **(env or {})}, out, err or out)
        )
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        """Its exit code, negative for a signal. Kills it and raises when it runs longer."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            self.kill()
            raise subprocess.TimeoutExpired("raytrain", timeout)
        return code


def _run(words: list[str], env: dict[str, str], out: Path, err: Path) -> None:
    """What an interpreter does that a person starts, from its arguments to its exit handlers."""
    # What the server imported stays. Looking at it in each collection would also copy its pages.
    gc.freeze()
    os.environ.clear()
    os.environ.update(env)
    # A test run in the background of a shell ignores Ctrl-C, and its children would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout, sys.stderr = _redirected(1, out), _redirected(2, err)
    sys.argv = ["raytrain", *words]
    from raytrain.cli import main

    try:
        main()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()


def _redirected(number: int, path: Path) -> TextIO:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, number)
    os.close(file)
    return open(number, "w", buffering=1, encoding="utf-8", closefd=False)


def raytrain(*words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        code = Command(*words, out=out, err=err, env=env).wait(timeout=400)
        return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())


def printed(*words: object, code: int = 0) -> str:
    """What a command that ends with `code` prints, in this process."""
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


def stop_when(
    words: list[object],
    ready: Callable[[], bool],
    number: signal.Signals,
    log: Path,
    env: dict[str, str] | None = None,
) -> int:
    """Start a command, send it a signal once `ready()`, and return its exit code."""
    process = Command(*words, out=log, env=env)
    deadline = time.monotonic() + 300
    while not ready():
        assert process.poll() is None, f"ended before it was stopped:\n{log.read_text()}"
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    process.send_signal(number)
    return process.wait(timeout=120)
