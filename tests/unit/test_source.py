"""Where the files are: a folder, a zip, any address of fsspec; brought once and whole."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import fsspec
import numpy as np
import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.data.report import DataReport
from raytrain.data.source import local_folder
from tests.s3 import bucket


def _zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*.png")):
            opened.write(path, path.relative_to(folder))
    return archive


def _inspected(competition, address: str) -> DataReport:
    base = competition.spec("(N+1)//2").model_dump()
    return inspect(CompetitionSpec.model_validate({**base, "data": address}))


def _sources(cache_root: Path) -> list[str]:
    return sorted(p.name for p in (cache_root / "sources").iterdir() if p.is_dir())


def test_a_zip_is_the_folder_that_was_packed(competition, tmp_path: Path, cache_root: Path) -> None:
    competition.fill(train=2, val=1, test=1)
    archive = _zipped(competition.root, tmp_path / "data.zip")
    folder = inspect(competition.spec("(N+1)//2"))
    packed = _inspected(competition, str(archive))
    assert packed.fingerprint == folder.fingerprint
    assert packed.source == str(archive)
    np.testing.assert_array_equal(open_cache(packed).pixels, open_cache(folder).pixels)
    assert len(_sources(cache_root)) == 1
    # Another file of the same name is unpacked anew.
    competition.image("train", "cmr1").unlink()
    competition.mask("train", "cmr1").unlink()
    _zipped(competition.root, archive)
    assert len(_inspected(competition, str(archive)).ids("train")) == 3


def test_an_address_of_fsspec(competition, cache_root: Path) -> None:
    competition.fill(train=1, val=1, test=1)
    memory = fsspec.filesystem("memory")
    memory.put(str(competition.root), "/a bucket/data", recursive=True)
    try:
        found = _inspected(competition, "memory://a bucket/data")
        assert found.fingerprint == inspect(competition.spec("(N+1)//2")).fingerprint
        again = _inspected(competition, "memory://a bucket/data")
        assert again.fingerprint == found.fingerprint
        assert len(_sources(cache_root)) == 1
    finally:
        memory.rm("/a bucket", recursive=True)


def test_a_bucket_on_an_s3_server(competition, tmp_path: Path, cache_root: Path) -> None:
    competition.fill(train=1, val=1, test=1)
    expected = inspect(competition.spec("(N+1)//2")).fingerprint
    with bucket("heart"):
        client = boto3.client("s3")
        for path in competition.root.rglob("*.png"):
            key = f"set/{path.relative_to(competition.root).as_posix()}"
            client.upload_file(str(path), "heart", key)
        client.upload_file(str(_zipped(competition.root, tmp_path / "x.zip")), "heart", "x.zip")
        assert _inspected(competition, "s3://heart/set").fingerprint == expected
        assert _inspected(competition, "s3://heart/x.zip").fingerprint == expected
        assert len(_sources(cache_root)) == 2
        with pytest.raises(ValueError, match=r"s3://heart/nothing: there is nothing at"):
            _inspected(competition, "s3://heart/nothing")


@pytest.mark.parametrize("member", ["../up.png", "a/../../up.png", "/abs.png", "C:\\x.png"])
def test_a_zip_that_reaches_out_is_refused(member: str, tmp_path: Path, cache_root: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr("fine.png", b"x")
        opened.writestr(member, b"x")
    with pytest.raises(ValueError, match="unsafe archive, so nothing was unpacked"):
        local_folder(str(tmp_path / "bad.zip"))
    assert _sources(cache_root) == []


@pytest.mark.parametrize(("address", "words"), [
    ("/no/such/folder", r"/no/such/folder: no such folder \(competition\.data\)"),
    ("nosuch://x/y", r"nosuch://x/y: .*[Pp]rotocol"),
    ("memory://no/such/thing", "there is nothing at this address"),
])  # fmt: skip
def test_an_address_where_nothing_is(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        local_folder(address)


def test_a_broken_zip(tmp_path: Path, cache_root: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ValueError, match=r"b\.zip: broken archive"):
        local_folder(str(tmp_path / "b.zip"))
    assert _sources(cache_root) == []


def test_another_file_is_not_called_missing(tmp_path: Path, cache_root: Path) -> None:
    (tmp_path / "list.txt").write_text("a\n")
    with pytest.raises(ValueError, match=r"list\.txt: is neither a folder nor a \.zip \(compet"):
        local_folder(str(tmp_path / "list.txt"))


def test_many_ask_at_once_and_it_is_unpacked_once(competition, tmp_path: Path) -> None:
    competition.fill(train=1, val=1, test=1)
    archive = str(_zipped(competition.root, tmp_path / "data.zip"))
    with ThreadPoolExecutor(10) as pool:
        folders = set(pool.map(local_folder, [archive] * 10))
    (folder,) = folders
    assert len(list(folder.rglob("*.png"))) == 10
