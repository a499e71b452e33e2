"""Ray's worker processes, forked from a server that has the heavy libraries imported.

A new interpreter takes six seconds of CPU to import torch, albumentations and the rest, and a run
on Ray starts a dozen. `CLIENT` is the start of each Python process of a cluster: those that Ray
starts as workers hand their arguments, environment and files to the server and leave; a child of
the server goes on as they would have. It imports Ray, whose library reads the environment when it
is loaded, and raytrain, which a launched job brings along, by itself.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRELOADED = (
    "torch", "torch._dynamo", "torch.distributed", "pandas", "pyarrow.fs", "scipy.stats",
    "scipy.ndimage", "sklearn", "albumentations", "pydantic", "yaml", "PIL.Image", "tensorboardX",
    "grpc", "requests", "jsonschema", "rich.progress", "tifffile",
)  # fmt: skip
SOCKET = "RAYTRAIN_TESTS_FORK"
MOST_BYTES = 2**17
CLIENT = f"""
import os, sys

place, words = os.environ.get("{SOCKET}"), sys.orig_argv[1:]
while words and words[0].startswith("-"):
    del words[0]
if place and words and words[0].endswith("/default_worker.py"):
    import json, socket

    own = {{"argv": words, "env": dict(os.environ), "path": sys.path, "folder": os.getcwd()}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(place)
        socket.send_fds(server, [json.dumps(own).encode()], [0, 1, 2])
    os._exit(0)
"""
"""A `sitecustomize.py`, for clusters whose environment names the server's socket."""


@contextmanager
def forking(folder: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """A server for the block, on Linux; yields the environment of a cluster that uses it."""
    if sys.platform != "linux":
        yield env
        return
    place = folder / "fork"
    command = [sys.executable, __file__, str(place)]
    with subprocess.Popen(command, env=env, start_new_session=True) as server:
        try:
            yield env | {SOCKET: str(place)}
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def main(place: str) -> None:
    """Fork for each client, until killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(place)
        door.listen(64)
        for name in PRELOADED:
            importlib.import_module(name)
        gc.freeze()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            client, _ = door.accept()
            with client:
                text, files, _, _ = socket.recv_fds(client, MOST_BYTES, 3)
            if os.fork() == 0:
                door.close()
                _become(json.loads(text), files)
            for file in files:
                os.close(file)


def _become(client: dict[str, Any], files: list[int]) -> None:
    """Go on as the client, as its interpreter would have."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Ray kills a worker's whole process group when the worker ends.
    os.setpgid(0, 0)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(client["folder"])
    # What is the same stays in its place: Ray finds the process's title from there.
    for name in os.environ.keys() - client["env"].keys():
        del os.environ[name]
    for name, value in client["env"].items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    sys.argv = client["argv"]
    sys.path[:] = [str(Path(sys.argv[0]).parent), *client["path"]]
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    main(*sys.argv[1:])
