"""One process works on a run of a storage; a storage that is away is waited for."""

import json
from pathlib import Path

import boto3
import pytest

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.runs import lease, store
from raytrain.runs.files import storage_text, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.lease import LEASE_S, Lease
from raytrain.runs.lock import locked
from raytrain.runs.mirror import fetch, send
from raytrain.runs.store import working_folder
from tests.s3 import Requests

URL = "s3://storage/runs"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    return _machine(tmp_path, "a", monkeypatch)


def _machine(folder: Path, name: str, patch: pytest.MonkeyPatch) -> RunDir:
    patch.setenv("RAYTRAIN_CACHE", str(folder / name))
    found = RunDir(working_folder(URL) / "cardiac" / "default")
    found.path.mkdir(parents=True, exist_ok=True)
    return found


def _lease(run: RunDir, wait: object = None) -> Lease:
    place = store.StoredPath(URL, "cardiac/default")
    return Lease(run, place, wait or pytest.fail)  # type: ignore[arg-type]


def _fail_in(run: RunDir, error: Exception) -> None:
    with locked(run):
        write_json(run.folds, "folds")
        raise error


def test_a_run_that_another_machine_works_on_is_refused(
    requests: Requests, run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _lease(run)
    other = _machine(tmp_path, "b", monkeypatch)
    with pytest.raises(CodedError, match="is working on this run; wait for it or stop it"):
        _lease(other, lambda _: held.renew())
    held.release()
    _lease(other).release()
    # A new process in the folder of one that was killed knows that this one is dead.
    _lease(run)
    _lease(run).release()


def test_a_lease_that_nobody_renews_is_taken_over(
    requests: Requests, run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, waited = _lease(run), list[float]()
    taken = _lease(_machine(tmp_path, "b", monkeypatch), waited.append)
    assert sum(waited) >= LEASE_S
    taken.renew()
    with pytest.raises(CodedError, match="has taken over this run"):
        lost.renew()


def test_of_two_that_take_a_lease_at_once_one_wins(
    requests: Requests, run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _machine(tmp_path, "b", monkeypatch)
    seen, both = lease.level, list[Lease]()

    def then_the_other(place: store.StoredPath) -> dict[str, str]:
        """Between the look at the lease and its creation, the other one creates it."""
        found = seen(place)
        monkeypatch.setattr(lease, "level", seen)
        both.append(_lease(other))
        return found

    monkeypatch.setattr(lease, "level", then_the_other)
    with pytest.raises(CodedError, match="is working on this run"):
        _lease(run)
    both[0].renew()


def test_a_storage_that_replaces_objects_is_refused(
    requests: Requests, run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(place: store.StoredPath, content: bytes) -> None:
        place.ask(lambda files, key: files.pipe_file(key, content))

    monkeypatch.setattr(lease, "create", careless)
    with pytest.raises(ValueError, match="two processes could work on one run"):
        _lease(run)


def test_what_the_block_writes_is_in_the_storage(
    requests: Requests, run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="a trial failed"):
        _fail_in(run, ValueError("a trial failed"))
    other = _machine(tmp_path, "b", monkeypatch)
    with locked(other):
        assert json.loads(other.folds.read_text()) == "folds"


def test_a_storage_that_is_away_is_waited_for(
    requests: Requests, run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.0)
    write_json(run.folds, "folds")
    requests.refused = 20
    assert len(send(run.path)) == 1
    assert requests.counts["refused"] == 20
    said = capsys.readouterr().err
    assert said.count(f"raytrain: {URL} does not answer (") == 1
    monkeypatch.setattr(store, "AWAY_S", 0.0)
    write_json(run.folds, "other folds")
    requests.refused = 20
    with pytest.raises(OSError, match="s3://storage/runs") as error:
        send(run.path)
    text = storage_text(error.value)
    assert text.startswith(f"{URL}/cardiac/default/folds.json: ")
    assert text.endswith("then run the same command again: it continues the work")
    requests.refused = 0
    assert len(send(run.path)) == 1


def test_a_command_whose_storage_stays_away_ends_at_once(requests: Requests, run: RunDir) -> None:
    with pytest.raises(OSError, match="away"):
        _fail_in(run, OSError("away"))
    assert not any(path.endswith("folds.json") for path in requests.paths)
    with locked(run):
        pass
    assert any(path.endswith("folds.json") for path in requests.paths)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("s3://no-such-bucket/runs", "no-such-bucket"), ("s4://bucket/runs", "s4")],
)
def test_a_storage_that_answers_no_is_not_waited_for(
    url: str, reason: str, requests: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path))
    path = working_folder(url) / "record.json"
    write_json(path, "record")
    with pytest.raises(OSError, match=reason):
        send(path)


def test_without_credentials_nothing_is_waited_for(
    requests: Requests, run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("s3")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(run.path))
    with pytest.raises(OSError, match=r"[Cc]redentials"):
        fetch(run.path)


@pytest.mark.parametrize(
    ("storage", "problem"),
    [
        ("s3://me:secret@bucket/runs", "holds a password"),
        ("s3://bucket/runs?token=1", "holds a password or token"),
        ("file:///runs", "without file://"),
        ("s3://", "give a bucket and a prefix"),
        (f"s3://{80 * 'b'}/runs", "at most 80 characters"),
    ],
)
def test_a_url_that_cannot_be_a_storage(storage: str, problem: str) -> None:
    competition = {"name": "tiny", "data": "data", "classes": ["background", "one"]}
    with pytest.raises(ValueError, match=problem):
        JobSpec.model_validate({"competition": competition, "storage": storage})
