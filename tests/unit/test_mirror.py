"""A run's files on two machines that share nothing but a storage, on a real S3 server."""

import os
import pickle
import re
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from raytrain.runs.mirror import (
    bring,
    fetch,
    fetch_files,
    free,
    receive,
    remove,
    remove_folder,
    send,
)
from raytrain.runs.store import NodePath, StoredPath, stored_path, working_folder
from tests.s3 import Requests

URL = "s3://storage/team/runs"


class Machines:
    """Two machines with caches of their own; code runs on one of them at a time."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        self._folder, self._patch = folder, patch

    def on(self, name: str) -> Path:
        """Go to a machine; returns its working folder of a run."""
        self._patch.setenv("RAYTRAIN_CACHE", str(self._folder / name))
        return working_folder(URL) / "cardiac" / "default"


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _texts(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in found
        if not path.name.startswith(".")
    }


def test_a_path_is_the_same_place_on_every_machine(machines: Machines, tmp_path: Path) -> None:
    here = machines.on("a") / "trials" / "1234"
    travelling = pickle.dumps((here, here.parent, Path("/data")))
    there = machines.on("b") / "trials" / "1234"
    assert pickle.loads(travelling) == (there, there.parent, Path("/data"))
    assert str(tmp_path / "a").encode() not in travelling
    assert isinstance(pickle.loads(pickle.dumps(there / "x")), NodePath)
    place = stored_path(there)
    assert place is not None
    assert place.url == f"{URL}/cardiac/default/trials/1234"
    assert stored_path(tmp_path / "b" / "images.npy") is None
    assert stored_path(Path("/data/runs/cardiac")) is None


def test_what_one_machine_sends_another_fetches(machines: Machines, requests: Requests) -> None:
    a = machines.on("a")
    _write(a / "data.json", "data")
    _write(a / "trials" / "1" / "checkpoints" / "epoch_0001.pt", "weights")
    _write(a / "trials" / "1" / "checkpoints" / "epoch_0001.json", "card")
    _write(a / ".lock", "")
    _write(a / "search" / "tune" / "state", "for Ray alone")
    sent = send(a)
    assert len(sent) == 3
    assert requests.paths[-3].endswith(".pt"), "weights come before what names them"
    assert send(a) == {}
    b = machines.on("b")
    fetch_files(b)
    assert _texts(b) == {"data.json": "data"}
    fetch(b)
    assert _texts(b) == {"data.json": "data", "trials/1/checkpoints/epoch_0001.json": "card"}
    bring(b / "trials" / "1" / "checkpoints" / "epoch_0001.pt")
    assert (b / "trials" / "1" / "checkpoints" / "epoch_0001.pt").read_text() == "weights"
    free(b / "trials" / "1" / "checkpoints")
    assert not (b / "trials" / "1" / "checkpoints" / "epoch_0001.pt").exists()
    assert send(b) == {}
    before = requests.counts.copy()
    fetch(b)
    assert requests.counts - before == {"LIST": 1}


def test_the_file_that_was_written_last_counts(machines: Machines, requests: Requests) -> None:
    a = machines.on("a")
    for name in ("one", "two", "three"):
        _write(a / f"{name}.json", "first")
    send(a)
    b = machines.on("b")
    fetch(b)
    _write(b / "one.json", "of b, sent")
    send(b)
    a = machines.on("a")
    _write(a / "two.json", "of a, not sent yet")
    fetch(a)
    expected = {"one.json": "of b, sent", "two.json": "of a, not sent yet", "three.json": "first"}
    assert _texts(a) == expected
    assert [path.name for path in send(a)] == ["two.json"]
    b = machines.on("b")
    fetch(b)
    assert _texts(b) == expected


def test_a_deleted_file_is_deleted_everywhere(machines: Machines, requests: Requests) -> None:
    a = machines.on("a")
    for name in ("done.json", "kept.json", "trials/1/record.json", "trials/1/epoch.pt"):
        _write(a / name, name)
    send(a)
    b = machines.on("b")
    fetch(b)
    remove(b / "done.json", b / "never.json")
    remove_folder(b / "trials")
    assert _texts(b) == {"kept.json": "kept.json"}
    a = machines.on("a")
    # A lost cache deletes nothing.
    (a / "kept.json").unlink()
    send(a)
    fetch(a)
    assert _texts(a) == {"kept.json": "kept.json"}


def test_a_link_stays_one(machines: Machines, requests: Requests) -> None:
    a = machines.on("a")
    _write(a / "ensembles" / "x" / "masks.json", "x")
    (a / "final").symlink_to("ensembles/x")
    send(a)
    b = machines.on("b")
    fetch(b)
    assert (b / "final" / "masks.json").read_text() == "x"
    # A file below a link is the file that the link leads to.
    _write(b / "final" / "more.json", "y")
    _write(b / "ensembles" / "z" / "masks.json", "z")
    (b / "final").unlink()
    (b / "final").symlink_to("ensembles/z")
    send(b)
    a = machines.on("a")
    fetch(a)
    assert (a / "final" / "masks.json").read_text() == "z"
    assert (a / "ensembles" / "x" / "more.json").read_text() == "y"


def test_a_node_sends_and_the_driver_receives(machines: Machines, requests: Requests) -> None:
    node = machines.on("node")
    _write(node / "oof" / "fold.npy", "maps")
    sent = pickle.dumps(send(node / "oof" / "fold.npy"))
    driver = machines.on("driver")
    before = requests.counts.copy()
    receive(pickle.loads(sent))
    receive(pickle.loads(sent))
    assert (driver / "oof" / "fold.npy").read_text() == "maps"
    assert requests.counts - before == {"GET": 1}


def test_a_plain_folder_has_no_storage(tmp_path: Path) -> None:
    path = _write(tmp_path / "runs" / "record.json", "record")
    fetch(tmp_path / "runs")
    bring(path)
    assert send(tmp_path / "runs") == {}
    assert [path.name for path in path.parent.iterdir()] == ["record.json"]
    remove(path)
    remove_folder(path.parent)
    assert [*tmp_path.iterdir()] == []


def test_a_storage_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    S3FileSystem.clear_instance_cache()
    for storage, remedy in {
        "s3://bucket": "set them in the environment, or give this machine a role",
        "foo://bucket": "`storage` is a folder, s3://... or gs://...",
    }.items():
        with pytest.raises(OSError, match=re.escape(remedy)) as caught:
            StoredPath(storage, "x").ask(lambda files, path: files.ls(path))
        assert caught.value.filename == f"{storage}/x"
    S3FileSystem.clear_instance_cache()
