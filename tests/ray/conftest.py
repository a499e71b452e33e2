"""One real Ray cluster for the whole session, started as a person starts it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import raytrain
from tests.e2e.kaggle_server import SITE
from tests.ray.forked import CLIENT, forking
from tests.support import csv_bytes, figures, write_job


@dataclass(frozen=True)
class Cluster:
    """Where a running cluster answers."""

    address: str
    dashboard: str
    metrics: str
    site: Path
    """A folder on the Python path of all its processes."""
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """What a driver needs to join it."""
        return {"RAY_ADDRESS": self.address, "RAY_AUTH_MODE": "disabled"}


PROMISED = {
    "RAY_OVERRIDE_RESOURCES": '{"GPU": 1}',
    "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1",
    "CUDA_VISIBLE_DEVICES": "99",
}
"""The node promises a GPU, which torch cannot use."""
BUSY = {"RAY_worker_niceness": "0", "RAY_memory_monitor_refresh_ms": "0"}
"""By default other programs of a busy machine go before Ray's workers, and Ray kills a worker when
they fill the memory: the trial then starts once more than a test expects."""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """`ray start --head` with two CPUs, its dashboard on and token authentication off."""
    with started(tmp_path_factory.mktemp("ray"), PROMISED) as found:
        yield found


@dataclass(frozen=True)
class Calm:
    """A run on the cluster that nothing disturbed, and what it came to."""

    job: Path
    storage: Path
    figures: dict[str, list[dict]]
    csv: bytes


TWO_WORKERS = {"workers": 2, "epochs": 6}
"""Finalists of a run that is disturbed, long enough for it."""


@pytest.fixture(scope="session")
def calm(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """A whole run whose finalists have two workers."""
    folder = tmp_path_factory.mktemp("calm")
    storage = folder / "runs"
    job = write_job(folder, storage, finalize=TWO_WORKERS)
    done = raytrain("run", job, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return Calm(job, storage, figures(storage), csv_bytes(storage))


@contextmanager
def started(folder: Path, settings: dict[str, str]) -> Iterator[Cluster]:
    """A cluster of its own, with these variables in the environment of all its processes."""
    port, dashboard, metrics, agent, agent_grpc = free_ports(5)
    log, site, home, cache = (folder / name for name in ("head.log", "site", "home", "cache"))
    binaries = Path(sys.executable).parent
    for made in (site, home, cache):
        made.mkdir()
    # A launched job joins the cluster that its folder of temporary files names: not another one of
    # this machine. A socket's path has 107 characters at most.
    temporary = tempfile.mkdtemp(prefix="rt", dir="/tmp")
    (site / "sitecustomize.py").write_text(CLIENT + SITE)
    env = os.environ | {
        "RAY_AUTH_MODE": "disabled",
        "RAY_TMPDIR": temporary,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "RAYTRAIN_CACHE": str(cache),
        "RAY_TRAIN_ENABLE_STATE_TRACKING": "1",
        "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
        "HOME": str(home),
        # Whatever is outside, Kaggle above all, is out of reach: nothing listens there.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        # Figures are exported each 10 s otherwise.
        "RAY_metrics_report_interval_ms": "1000",
        **BUSY,
        **settings,
    }
    os.environ["RAYTRAIN_CACHE"] = env["RAYTRAIN_CACHE"]
    command = [
        str(binaries / "ray"), "start", "--head", "--block", "--num-cpus=2",
        f"--port={port}", f"--dashboard-port={dashboard}",
        f"--metrics-export-port={metrics}", f"--dashboard-agent-listen-port={agent}",
        f"--dashboard-agent-grpc-port={agent_grpc}", "--object-store-memory=200000000",
        "--memory=6000000000", "--disable-usage-stats", "--include-log-monitor=false",
    ]  # fmt: skip
    found = Cluster(
        f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}",
        f"http://127.0.0.1:{metrics}/metrics", site, home,
    )  # fmt: skip
    with forking(folder, env) as forked, log.open("w") as out:
        head = subprocess.Popen(
            command, env=forked, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for(f"{found.dashboard}/api/version", head, log)
            yield found
        finally:
            os.killpg(head.pid, signal.SIGKILL)
            head.wait(timeout=20)
            shutil.rmtree(temporary, ignore_errors=True)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the address answers; fails with the log when the process ends first."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer in time:\n{log.read_text()}")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, far below those that Ray gives to its workers."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
