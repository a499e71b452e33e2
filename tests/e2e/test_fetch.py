"""`raytrain fetch` with Kaggle's own client: the whole folder or nothing, and nothing outside."""

import errno
import io
import json
import signal
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from raytrain.config.load import load_job
from raytrain.data import archive
from raytrain.data.archive import unpack
from raytrain.pipeline.fetch import fetch
from tests.commands import raytrain, stop_when
from tests.e2e.finished_run import no_secret_in
from tests.e2e.kaggle_state import TOKEN, Fault, Kaggle

NESTED = json.dumps({"error": {"code": 403, "message": f"Permission denied for {TOKEN}"}})


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip with these members, whatever their names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return content.getvalue()


def test_fetch_unpacks_all_of_it(job: Path, kaggle: Kaggle, tmp_path: Path) -> None:
    inner = zipped({"image/a.png": b"a", "mask/a.png": b"m"})
    kaggle.archive = zipped({"train.zip": inner, "test/image/b.png": b"b", "sample.csv": b"id\n"})
    done = raytrain("fetch", job)
    assert done.returncode == 0, done.stderr
    data = tmp_path / "data"
    found = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert found == {"train/image/a.png", "train/mask/a.png", "test/image/b.png", "sample.csv"}
    assert data.stat().st_mode & stat.S_IRWXG == tmp_path.joinpath("runs").stat().st_mode & 0o070
    assert not list(tmp_path.glob(".data*"))
    again = raytrain("fetch", job)
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_a_killed_fetch_goes_on_where_it_was(job: Path, kaggle: Kaggle, tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(6_000_000)
    kaggle.archive = zipped({"a.bin": content})
    kaggle.stuck_after = 4_000_000
    partial = tmp_path / ".data.fetch"

    def stuck() -> bool:
        sizes = [path.stat().st_size for path in partial.rglob("*.zip")]
        return kaggle.reached.is_set() and bool(sizes) and max(sizes) >= 3_000_000

    assert stop_when(["fetch", job], stuck, signal.SIGKILL, tmp_path / "log") == -signal.SIGKILL
    assert not (tmp_path / "data").exists()
    kaggle.stuck_after = None
    done = raytrain("fetch", job)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "a.bin").read_bytes() == content
    resumed = [int(r.removeprefix("bytes=").rstrip("-")) for r in kaggle.ranges if r]
    assert resumed
    assert resumed[-1] >= 3_000_000
    assert not partial.exists()


def test_fetch_refuses_an_archive_that_leaves_its_folder(
    job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    kaggle.archive = zipped({"good.png": b"1", "../evil": b"2", "a/../../evil": b"3"})
    done = raytrain("fetch", job)
    assert done.returncode == 1
    for name in ("'../evil': leaves the folder", "'a/../../evil': leaves the folder"):
        assert name in done.stderr
    assert "the download is kept: " in done.stderr
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".data.fetch", "home", "job.yaml", "runs"]


@pytest.fixture
def fetched(job: Path, kaggle: Kaggle, client_here: None) -> Callable[[], Path]:
    """`raytrain fetch` in this process."""
    kaggle.archive = zipped({"a.bin": b"a" * 9000, "in.zip": zipped({"b.bin": b"b" * 5000})})
    spec = load_job(job)
    return lambda: fetch(spec, Path(spec.competition.data))


def test_a_finished_download_is_kept_when_there_is_no_room(
    fetched: Callable[[], Path], kaggle: Kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=4000 if path.name == "in" else 20_000)

    with monkeypatch.context() as patch:
        patch.setattr(archive.shutil, "disk_usage", disk_usage)
        with pytest.raises(
            ValueError, match=r"in\.zip: needs 0\.0 GB unpacked, .*kept: .*heart.zip"
        ):
            fetched()
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / ".data.fetch/files").exists()
    assert (fetched() / "in/b.bin").read_bytes() == b"b" * 5000
    assert len(kaggle.ranges) == 1  # downloaded once
    assert not (tmp_path / ".data.fetch").exists()


def test_a_disk_that_fails_is_told_and_the_download_kept(
    fetched: Callable[[], Path], kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(archive.zipfile.ZipFile, "extractall", full)
        with pytest.raises(
            ValueError, match=r"data: No space left on device; correct the cause.*kept: "
        ):
            fetched()
    assert fetched().is_dir()
    assert len(kaggle.ranges) == 1


@pytest.mark.parametrize("damage", [lambda c: c[:-30], lambda c: c[:60] + b"?" * 40 + c[100:]])
def test_a_damaged_download_is_brought_again(
    damage: Callable[[bytes], bytes], fetched: Callable[[], Path], kaggle: Kaggle
) -> None:
    whole = kaggle.archive
    kaggle.archive = damage(whole)
    with pytest.raises(ValueError, match=r"heart\.zip: broken archive: .*download it again"):
        fetched()
    kaggle.archive = whole
    assert fetched().is_dir()


def test_a_place_that_cannot_be_is_told(job: Path, kaggle: Kaggle, client_here: None) -> None:
    spec = load_job(job)
    with pytest.raises(ValueError, match=r"job\.yaml.*: Not a directory; correct the cause"):
        fetch(spec, job / "data")
    with pytest.raises(ValueError, match="File name too long; correct the cause"):
        fetch(spec, job.parent / ("x" * 260))
    assert kaggle.ranges == []


def test_fetch_tells_what_kaggle_says(job: Path, kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.faults["DownloadDataFiles"] = [Fault("status", status=403, body=NESTED)]
    done = raytrain("fetch", job)
    assert done.returncode == 1
    assert "competitions/heart/rules" in done.stderr
    assert not (tmp_path / "data").exists()
    no_secret_in(tmp_path, done.stdout, done.stderr)


@pytest.mark.usefixtures("home")
def test_fetch_without_credentials_says_how_to_give_them(job: Path, tmp_path: Path) -> None:
    done = raytrain("fetch", job)
    assert done.returncode == 1
    assert "KAGGLE_API_TOKEN" in done.stderr
    assert not (tmp_path / "data").exists()


def test_every_unsafe_member_is_listed_before_anything_is_written(tmp_path: Path) -> None:
    content = io.BytesIO(zipped({"/etc/evil": b"", "C:\\evil": b"", "..\\evil": b"", "ok": b""}))
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(content, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    path = tmp_path / "evil.zip"
    path.write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="unsafe archive") as caught:
        unpack(path, tmp_path / "out")
    for name in ("/etc/evil", "C:\\\\evil", "..\\\\evil", "link"):
        assert f"'{name}': " in str(caught.value)
    assert "'ok'" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_broken_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(zipped({"a.png": b"1" * 100}).replace(b"1" * 100, b"2" * 100))
    with pytest.raises(ValueError, match=r"broken\.zip: broken archive: .*download it again"):
        unpack(path, tmp_path / "out")
