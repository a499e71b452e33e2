"""Local data in a storage, on a real S3 server."""

import shutil
from pathlib import Path

import boto3
import pytest

from raytrain.config.job import JobSpec
from raytrain.data.checks import inspect
from raytrain.data.staging import staged
from tests.s3 import Requests


def _job(competition, data: Path, storage: str) -> JobSpec:
    tree = competition.spec("(N+1)//2").model_dump() | {"data": str(data)}
    return JobSpec.model_validate({"competition": tree, "storage": storage})


def test_data_are_sent_once_and_are_the_same_there(
    competition, requests: Requests, cache_root: Path, capsys: pytest.CaptureFixture
) -> None:
    competition.fill(train=2, val=1, test=1)
    job = _job(competition, competition.root, "s3://storage/team")
    files = sum(path.is_file() for path in competition.root.rglob("*"))
    there = staged(job)
    assert requests.counts["PUT"] == files
    assert f"data: {files} files, 0.00 GB, to {there.competition.data}\n" in capsys.readouterr().out
    assert there.competition.data.startswith("s3://storage/team/data/")
    assert there.competition.name == job.competition.name
    assert staged(there) is there
    assert inspect(there.competition).fingerprint == inspect(job.competition).fingerprint
    # What a killed command has not sent is sent, and nothing else.
    lost = next(path for path in requests.paths if path.endswith(".png"))
    boto3.client("s3").delete_object(Bucket="storage", Key=lost.removeprefix("/storage/"))
    assert staged(job) == there
    assert requests.counts["PUT"] == files + 1
    assert f"({files - 1} are there already)" in capsys.readouterr().out


def test_an_archive_is_sent_as_it_is(
    competition, requests: Requests, cache_root: Path, tmp_path: Path
) -> None:
    competition.fill(train=2, val=1, test=1)
    archive = Path(shutil.make_archive(str(tmp_path / "cardiac"), "zip", competition.root))
    there = staged(_job(competition, archive, "s3://storage/team"))
    assert there.competition.data.endswith("/cardiac.zip")
    assert len(inspect(there.competition).ids("train")) == 4


def test_a_folder_as_storage_changes_nothing(competition, tmp_path: Path) -> None:
    job = _job(competition, competition.root, str(tmp_path))
    assert staged(job) is job


def test_no_data_are_a_mistake(competition, requests: Requests, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is nothing to send .* \(competition.data\)"):
        staged(_job(competition, tmp_path / "none", "s3://storage/team"))
