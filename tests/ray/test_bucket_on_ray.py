"""A training on a node that shares no folder with the driver: their storage is on an S3 server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from raytrain.runs.store import working_folder
from tests.commands import printed, raytrain
from tests.nodes import Nodes, nodes
from tests.s3 import Requests
from tests.support import figures, run_folder, write_job

URL = "s3://storage/team"


@pytest.fixture
def apart(requests: Requests, tmp_path: Path) -> Iterator[Nodes]:
    """One node, with a cache of its own."""
    with nodes(tmp_path, 0) as found:
        os.environ["RAYTRAIN_CACHE"] = str(tmp_path / "node")
        found.add()
        yield found


def test_the_driver_has_what_the_node_has_trained(
    apart: Nodes, requests: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = write_job(tmp_path, tmp_path / "runs", trial={"epochs": 2})
    printed("train", job, "--local")
    env = {**apart.env, "RAYTRAIN_CACHE": str(tmp_path / "driver")}
    done = raytrain("train", job, "--set", f"storage={URL}", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"saved in the storage: {URL}/phantom/default\n" in done.stdout
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "driver"))
    found, expected = (run_folder(place) for place in (working_folder(URL), tmp_path / "runs"))
    assert figures(working_folder(URL)) == figures(tmp_path / "runs")
    [record] = read_records(RunDir(found))
    trial = RunDir(expected).trial(record.fingerprint)
    masks = sorted(trial.masks.glob("*.png"))
    assert masks
    for mask in masks:
        assert (found / mask.relative_to(expected)).read_bytes() == mask.read_bytes()
    # The node wrote the weights, and the driver has not needed them.
    assert any(path.endswith("/checkpoints/last.pt") for path in requests.paths)
    assert not [*found.rglob("*.pt")]
