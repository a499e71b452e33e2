"""Every step by which a process changes files or talks to Kaggle, counted, and one of them deadly.

A process that is killed before a step leaves what the step before it left, so one point a step is
every point. A write that is killed leaves half of its bytes. Only files under one folder count.
"""

import builtins
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

CHANGES = (
    "rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir", "truncate",
    "fsync", "ftruncate", "chmod",
)  # fmt: skip
"""Functions of `os`."""


class Steps:
    """Counts the steps of this process, and kills it at one of them."""

    def __init__(self, root: Path, deadly: int | None):
        """`deadly` counts from 0; None lets the process come to its end."""
        self.names: list[str] = []
        self._root, self._deadly = str(root), deadly
        self._lock = threading.Lock()

    def watch(self) -> None:
        """From now on."""
        for name in CHANGES:
            setattr(os, name, self._before(name, getattr(os, name)))
        symlink = os.symlink

        def linked(source: Any, path: Any, *rest: Any, **options: Any) -> None:
            if self.counts(path):
                self.step(f"symlink {_short(path)}")
            symlink(source, path, *rest, **options)

        os.symlink = linked
        os.open = self._before_open(os.open)  # type: ignore[assignment]
        builtins.open = io.open = self._opened(io.open)  # type: ignore[assignment]
        send = requests.Session.send

        def sent(session: requests.Session, request: Any, **options: Any) -> Any:
            self.step(f"HTTP {request.method} {request.url.rsplit('/', 1)[-1]}")
            return send(session, request, **options)

        requests.Session.send = sent  # type: ignore[method-assign]

    def step(self, name: str, torn: Callable[[], None] | None = None) -> None:
        """Die here if it is the one, after what is `torn` was done."""
        with self._lock:
            self.names.append(name)
            if len(self.names) - 1 == self._deadly:
                if torn is not None:
                    torn()
                os.kill(os.getpid(), signal.SIGKILL)

    def counts(self, path: Any) -> bool:
        """Whether the path is under the folder; a number or a bare name is that of an open one."""
        if isinstance(path, int):
            return True
        text = os.fsdecode(path)
        return text.startswith(self._root) or not text.startswith("/")

    def _before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def done(path: Any, *rest: Any, **options: Any) -> Any:
            if self.counts(path) and _changes(name, path, options):
                self.step(f"{name} {_short(path)}")
            return function(path, *rest, **options)

        return done

    def _before_open(self, function: Callable[..., int]) -> Callable[..., int]:
        def done(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if flags & os.O_CREAT and self.counts(path):
                self.step(f"create {_short(path)}")
            return function(path, flags, *rest, **options)

        return done

    def _opened(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def done(path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            writes = bool(set(mode) & set("wax+")) and self.counts(path)
            if writes and not isinstance(path, int):
                self.step(f"open {_short(path)}")
            file = function(path, mode, *rest, **options)
            return _Written(file, self, _short(path)) if writes else file

        return done


def command_with_steps(
    words: list[str], root: Path, deadly: int | None, log: Path, names: Path | None
) -> None:
    """Run a command in this process, which a test has started for it. Its output is added to `log`;
    at its end, the names of its steps under `root` are written to `names`."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["raytrain", *words]
    from raytrain.cli import main

    steps = Steps(root, deadly)
    steps.watch()
    try:
        main()
    finally:
        done = json.dumps(steps.names)
        if names is not None:
            names.write_text(done)
        sys.stdout.flush()


class _Written:
    """A file whose writes are steps."""

    def __init__(self, file: Any, steps: Steps, name: str):
        self._file, self._steps, self._name = file, steps, name

    def write(self, content: Any) -> int:
        def half() -> None:
            size = len(content) if isinstance(content, str) else memoryview(content).nbytes
            part = content if isinstance(content, str) else bytes(memoryview(content).cast("B"))
            self._file.write(part[: size // 2])
            self._file.flush()

        self._steps.step(f"write {self._name}", half)
        return self._file.write(content)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __enter__(self) -> "_Written":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _changes(name: str, path: Any, options: dict[str, Any]) -> bool:
    """Whether the call changes anything: not for a folder that is there, or a file that is not."""
    if isinstance(path, int) or options.get("dir_fd") is not None:
        return True
    return not os.path.isdir(path) if name == "mkdir" else os.path.lexists(path)


def _short(path: Any) -> str:
    return str(path) if isinstance(path, int) else "/".join(Path(os.fsdecode(path)).parts[-2:])
