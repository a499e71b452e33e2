"""`doctor` and a storage that is a URL, on a real S3 server."""

from pathlib import Path

import boto3
import pytest

from raytrain.engine.node_facts import node_facts
from raytrain.runs.mirror import send
from raytrain.runs.store import NodePath, working_folder
from tests.s3 import Requests


def _on(machine: str, folder: Path, patch: pytest.MonkeyPatch) -> NodePath:
    patch.setenv("RAYTRAIN_CACHE", str(folder / machine))
    return working_folder("s3://storage/team") / ".doctor"


def test_a_node_reads_and_writes_the_storage(
    requests: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = _on("driver", tmp_path, monkeypatch)
    driver.mkdir(parents=True)
    (driver / "token").touch()
    send(driver / "token")
    node = _on("node", tmp_path, monkeypatch)
    facts = node_facts(node, "token", None)
    assert facts.storage_fault == ""
    assert facts.storage_mb_s
    found = boto3.client("s3").list_objects_v2(Bucket="storage")["Contents"]
    assert [each["Key"] for each in found] == ["team/.doctor/token"]
    assert not node.exists()
    assert node_facts(node, "other", None).storage_fault.startswith("is another folder here")
    requests.refused = 100
    monkeypatch.setattr("raytrain.runs.store.AWAY_S", 0.0)
    assert node_facts(node, "token", None).storage_fault.startswith("cannot be written: ")
