"""Ray jobs of raytrain: listed, followed over a broken connection, waited for, stopped."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ray.job_submission import JobSubmissionClient

from raytrain.cluster.jobs import NAME, connect
from raytrain.cluster.launch import launch, once_ready
from tests.commands import Command, raytrain, stop_when
from tests.ray.conftest import Cluster
from tests.support import write_job
from tests.unit.test_launch_order import order_of

LINES = "import pathlib, time; p = pathlib.Path({gate!r}); print('first line', flush=True)\n"
LINES += "while not p.exists(): time.sleep(.05)\n"
LINES += "print('last line', flush=True); raise SystemExit({code})"


@pytest.fixture
def client(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> JobSubmissionClient:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", cluster.dashboard)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # another cluster, which is not asked
    return connect(cluster.dashboard)


def started(client: JobSubmissionClient, folder: Path, id: str, code: int) -> Path:
    """A job that prints a line, waits for this file, prints another, and ends with this code."""
    gate = folder / f"{id}.gate"
    script = folder / f"{id}.py"
    script.write_text(LINES.format(gate=str(gate), code=code))
    submit = once_ready(client.submit_job)
    submit(entrypoint=f"python {script}", submission_id=id, metadata={NAME: id})
    return gate


class Relay:
    """Passes connections on to an address while it is open."""

    def __init__(self, target: tuple[str, int]):
        self._target, self._connections = target, list[socket.socket]()
        self._port = 0
        self.open()
        self.address = f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def _serve(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near = server.accept()[0]
                far = socket.create_connection(self._target)
                self._connections += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        for each in (self._server, *self._connections):  # wakes accept() and recv()
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._connections.clear()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(cluster: Cluster) -> Iterator[Relay]:
    host, _, port = cluster.dashboard.removeprefix("http://").partition(":")
    made = Relay((host, int(port)))
    yield made
    made.close()


def test_a_log_is_followed_over_a_broken_connection(
    client: JobSubmissionClient, relay: Relay, tmp_path: Path
) -> None:
    gate = started(client, tmp_path, "broken", 3)
    log = tmp_path / "log"
    process = Command("jobs", "attach", "broken", "--address", relay.address, out=log)
    until("first line", log)
    relay.close()
    until("lost the connection", log)
    relay.open()
    gate.touch()
    assert process.wait(timeout=60) == 3
    text = log.read_text()
    assert text.count("first line") == text.count("last line") == 1
    assert "broken: the job ended as failed, exit code 3; its log says why" in text


def test_ctrl_c_says_that_the_job_goes_on_and_it_does(
    client: JobSubmissionClient, tmp_path: Path
) -> None:
    gate = started(client, tmp_path, "left", 0)
    log = tmp_path / "log"
    seen = lambda: log.exists() and "first line" in log.read_text()  # noqa: E731
    code = stop_when(["jobs", "logs", "left", "-f"], seen, signal.SIGINT, log)
    assert code == 130
    text = log.read_text()
    assert (
        "left: the job continues; follow it with `raytrain jobs attach left --address http" in text
    )
    assert "run the same command" not in text
    done = raytrain("jobs", "logs", "left")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "first line")
    gate.touch()
    done = raytrain("jobs", "wait", "left")
    assert (done.returncode, done.stdout) == (0, "")
    assert "left" in raytrain("jobs", "list").stdout


def test_a_job_is_stopped_and_a_wrong_id_gets_the_nearest(
    client: JobSubmissionClient, tmp_path: Path
) -> None:
    started(client, tmp_path, "halted", 0)
    done = raytrain("jobs", "stop", "halted")
    assert (done.returncode, done.stdout) == (0, "halted: stopped\n"), done.stderr
    done = raytrain("jobs", "wait", "halted")
    assert done.returncode == 1
    assert "halted: the job ended as stopped, exit code 1; Ray says: " in done.stderr
    done = raytrain("jobs", "attach", "haltet")
    assert done.returncode == 1
    assert "haltet: unknown 'haltet'; did you mean 'halted'?" in done.stderr


def test_a_second_launch_joins_the_same_job_and_refuses_another(
    client: JobSubmissionClient, cluster: Cluster, tmp_path: Path
) -> None:
    job = write_job(tmp_path, tmp_path / "runs", trial={"epochs": 900}, run="joined")
    first = launch(order_of("train", str(job)), cluster.dashboard, "python")
    assert first == ("phantom-joined-train-1", False)
    assert launch(order_of("train", str(job)), cluster.dashboard, "python") == (first[0], True)
    other = order_of("train", str(job), "--set", "trial.seed=1")
    with pytest.raises(ValueError, match=r"train-1: this job does `train` for the same run with"):
        launch(other, cluster.dashboard, "python")
    client.stop_job(first[0])


def until(text: str, log: Path) -> None:
    """Wait until a log has this text."""
    for _ in range(1200):
        if log.exists() and text in log.read_text():
            return
        threading.Event().wait(0.05)
    raise AssertionError(log.read_text() if log.exists() else "no log")
