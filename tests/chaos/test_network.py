"""Two nodes with a bad network between them: slow, lossy, cut for a while, cut for good. The
weights are those of two processes without Ray."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cable import HERE, HERE_IP, SPACE, THERE, THERE_IP, Cable, cable
from tests.chaos.conftest import EPOCHS
from tests.nodes import Training, figures_of, same_weights, undisturbed, write_training
from tests.ray.conftest import BUSY, free_ports

SHORT_S = 20.0
"""A cut that both nodes survive: Ray gives a node up after about a minute. The connection to the
far worker may be lost sooner, so the training starts once more."""


class TwoNodes:
    """A head with one CPU on this side of the cable, and a node with one CPU on the other."""

    def __init__(self, home: Path, folder: Path, laid: Cable):
        self.cable = laid
        port, agent, agent_grpc = free_ports(3)
        self.env = {
            "RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": str(home), "RAY_USAGE_STATS_ENABLED": "0",
            "RAYTRAIN_CACHE": str(folder / "cache"), "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300", **BUSY,
            "RAY_ADDRESS": f"{HERE_IP}:{port}",
        }  # fmt: skip
        self._path = folder / "nodes.log"
        self._log = self._path.open("a")
        head = (
            f"--head --port={port} --node-ip-address={HERE_IP} --include-dashboard=false "
            f"--dashboard-agent-listen-port={agent} --dashboard-agent-grpc-port={agent_grpc}"
        )
        self.near = self._start([], HERE, *head.split())
        self.far = self.start_far()

    def start_far(self) -> "subprocess.Popen[bytes]":
        """Start the node beyond the cable, for the first time or again."""
        words = f"--address={self.env['RAY_ADDRESS']} --node-ip-address={THERE_IP}"
        return self._start(["ip", "netns", "exec", SPACE], THERE, *words.split())

    def _start(self, prefix: list[str], device: str, *words: str) -> "subprocess.Popen[bytes]":
        command = [
            *prefix, str(Path(sys.executable).parent / "ray"), "start", "--block", "--num-cpus=1",
            "--memory=4000000000", "--object-store-memory=100000000", *words,
        ]  # fmt: skip
        env = {key: value for key, value in self.env.items() if key != "RAY_ADDRESS"}
        before = self._running()
        process = subprocess.Popen(
            command, env=os.environ | env | {"GLOO_SOCKET_IFNAME": device},
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        while self._running() == before:
            if process.poll() is not None:  # Ray waits for its processes for at most 30 s
                return self._start(prefix, device, *words)
            threading.Event().wait(0.1)
        return process

    def _running(self) -> int:
        """The number of times that a node has said that it runs."""
        return self._path.read_text().count("Ray runtime started.")

    def stop(self) -> None:
        """End both nodes."""
        for process in (self.far, self.near):
            process.terminate()
        for process in (self.far, self.near):
            process.wait(300)
        self._log.close()


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[TwoNodes]:
    # A socket's path has 107 characters at most.
    home = Path(tempfile.mkdtemp(prefix="rt", dir="/tmp"))
    with cable() as laid:
        found = TwoNodes(home, tmp_path, laid)
        try:
            yield found
        finally:
            found.stop()
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def trained(apart: TwoNodes, folder: Path) -> Iterator[Training]:
    """A training on both nodes, which ends with the weights of two processes without Ray."""
    job = write_training(folder, "runs", EPOCHS)
    whole = undisturbed(write_training(folder / "whole", "runs", EPOCHS), folder / "whole")
    training = Training(job, "2", apart.env, folder / "log")
    yield training
    training.end()
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_a_slow_and_lossy_network_that_is_cut_for_a_while(apart: TwoNodes, tmp_path: Path) -> None:
    with trained(apart, tmp_path) as training:
        apart.cable.delay_s, apart.cable.lost = 0.02, 0.02
        with training.held(2):
            apart.cable.lost = 1.0
        threading.Event().wait(SHORT_S)
        apart.cable.lost = 0.02
    assert [start.epochs for start in training.starts()] in ([0], [0, *training.seen])
    assert apart.far.poll() is None


def test_a_node_beyond_a_cut_is_given_up_and_comes_back(apart: TwoNodes, tmp_path: Path) -> None:
    with trained(apart, tmp_path) as training:
        with training.held(2):
            apart.cable.lost = 1.0
        training.until(lambda: apart.far.poll() is not None)
        apart.cable.lost = 0.0
        apart.far = apart.start_far()
    assert [start.epochs for start in training.starts()] == [0, *training.seen]
