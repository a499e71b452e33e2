"""Start a Ray of this process's own and print, as JSON, where its processes listen."""

import importlib
import json
import os

from raytrain.cluster.connect import connected


def main() -> None:
    """The addresses of all listening sockets of this process and its children, and the mode."""
    with connected():
        # Ray brings its own.
        psutil = importlib.import_module("psutil")
        ray = importlib.import_module("ray")
        ray.get(ray.remote(lambda: None).remote())
        me = psutil.Process()
        found = {
            socket.laddr.ip
            for process in (me, *me.children(recursive=True))
            for socket in process.net_connections(kind="inet")
            if socket.status == "LISTEN"
        }
        print(json.dumps({"listens": sorted(found), "auth": os.environ["RAY_AUTH_MODE"]}))
