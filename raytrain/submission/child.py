"""Both ends of a call into a child process that cannot hang, print, exit or leak secrets.

The child reads one JSON request from its standard input and answers with JSON on a separate
channel, so its printed output is not mixed with the answer. The child is killed at the time limit,
and ends with its parent.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

Reply = dict[str, Any]
Request = dict[str, str]


def call(command: Sequence[str], request: Request, limit_s: float, env: dict[str, str]) -> Reply:
    """Run Python with these arguments; returns its answer, or `{"lost": why}` without an answer.

    Runs in the parent.
    """
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as noise:
        in_time = _run([sys.executable, "-P", *command], request, limit_s, env, answer, noise)
        answer.seek(0)
        noise.seek(0)
        try:
            return json.loads(answer.read())
        except ValueError:  # killed before the answer was complete
            printed = noise.read().decode(errors="replace").split("\n")
        if not in_time:
            return {"lost": f"no answer within {limit_s:g} s"}
        last = next((line for line in reversed(printed) if line.strip()), "no output")
        return {"lost": f"the client ended without an answer: {last}"}


def serve(answered: Callable[[Request], Reply]) -> None:
    """Read the parent's request, and send it the answer. Runs in the child process."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # printed output joins the errors
        request = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_parent, daemon=True).start()
        json.dump(answered(request), answer)


def _end_with_parent() -> None:
    """Exit when standard input ends. The parent keeps it open as long as the parent runs."""
    os.read(0, 1)
    os._exit(1)


def _run(
    command: list[str],
    request: Request,
    limit_s: float,
    env: dict[str, str],
    answer: BinaryIO,
    noise: BinaryIO,
) -> bool:
    """Run the child to its end; returns whether the child ended by itself."""
    # In its own session, so that Ctrl-C reaches only the parent, which then ends the child.
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=answer, stderr=noise, env=env, bufsize=0,
        start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died at once; its last output says why
            child.stdin.write(json.dumps(request).encode() + b"\n")
        child.wait(limit_s)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
