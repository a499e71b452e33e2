"""Joining a cluster or starting one: silent addresses, closed doors, places that are taken."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.cluster import private
from raytrain.cluster.connect import connected
from tests.commands import raytrain, stop_when
from tests.ray.conftest import Cluster, free_ports
from tests.support import write_job

HOG = """
import ray, sys
ray.init(address=sys.argv[1], log_to_driver=False)
@ray.remote(num_cpus=2)
class Hog:
    def hold(self): return True
hog = Hog.remote()
ray.get(hog.hold.remote())
print("held", flush=True)
sys.stdin.read()
"""


def test_an_address_where_nobody_listens_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_ports(1)[0]}")
    with (
        pytest.raises(ValueError, match=r"RAY_ADDRESS=127.*no Ray cluster answers.*unset"),
        connected(),
    ):
        pass


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_that_listens_and_says_nothing_is_refused(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=r"nothing answered within 0\.2 s"):
            private.refuse_silent(address)


@pytest.mark.parametrize("before", ["", "import ray, ray.tune; "])
def test_a_ray_of_our_own_is_closed_to_others(before: str, tmp_path: Path) -> None:
    """Also in a notebook that has imported Ray before, with other settings."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    code = f"{before}from tests.ray.listening import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["auth"] == "token"
    assert found["listens"]
    assert {address.removeprefix("::ffff:") for address in found["listens"]} == {"127.0.0.1"}


def test_a_process_that_is_connected_already_is_refused_and_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    before = dict(os.environ)
    with pytest.raises(ValueError, match=r"already connected to Ray.*ray\.shutdown"), connected():
        pass
    assert dict(os.environ) == before


def test_a_place_that_is_waited_for_is_said(cluster: Cluster, tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs", trial={"epochs": 1})
    # The data is read before.
    assert raytrain("check", job).returncode == 0
    with subprocess.Popen(
        [sys.executable, "-c", HOG, cluster.address], env=os.environ | cluster.env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as hog:  # fmt: skip
        assert hog.stdin is not None
        assert hog.stdout is not None
        assert hog.stdout.readline() == "held\n"
        log, stdin = tmp_path / "log", hog.stdin
        log.touch()

        def said() -> bool:
            if "waiting for 1 CPU: 2 of 2 are taken by Hog (job " not in log.read_text():
                return False
            stdin.close()
            return True

        # SIGCONT does nothing: the driver goes on.
        code = stop_when(["train", job], said, signal.SIGCONT, log, cluster.env)
    assert code == 0, log.read_text()
