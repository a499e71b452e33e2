"""The decoded cache: the files' own pixels, built once, by one process, whole or not at all."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.data.report import DataReport

PROCESSES = 4
_start: list[Barrier] = []


def _set_start(barrier: Barrier) -> None:
    _start.append(barrier)


def _open_together(report_json: str) -> tuple[int, bytes, bytes]:
    report = DataReport.model_validate_json(report_json)
    _start[0].wait(timeout=120)
    cache = open_cache(report)
    return os.getpid(), _bytes(cache.images_NHWC), _bytes(cache.masks_NHW)


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _folders(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_dir()}


@pytest.fixture
def report(competition) -> DataReport:
    competition.fill(train=2, val=1, test=1)
    return inspect(competition.spec("(N+1)//2"))


def _expect_the_files(report: DataReport) -> None:
    cache = open_cache(report)
    images = np.stack([np.asarray(Image.open(s.image)) for s in report.samples])[..., None]
    empty = np.zeros(images.shape[1:3], np.uint8)
    masks = np.stack([np.asarray(Image.open(s.mask)) if s.mask else empty for s in report.samples])
    np.testing.assert_array_equal(cache.images_NHWC, images)
    np.testing.assert_array_equal(cache.masks_NHW, masks)
    assert (cache.images_NHWC.dtype, cache.masks_NHW.dtype) == (images.dtype, np.uint8)


def test_arrays_are_the_decoded_files(report: DataReport) -> None:
    _expect_the_files(report)
    cache = open_cache(report)
    assert cache.row == {f"cmr{n}": n - 1 for n in range(1, 9)}
    np.testing.assert_array_equal(cache.rows(("cmr3", "cmr8", "cmr1")), [2, 7, 0])
    assert cache.rows(()).shape == (0,)


@pytest.mark.parametrize(("shape", "dtype"), [((7, 9, 3), np.uint8), ((7, 9), np.uint16)])
def test_colours_and_depths_are_kept(competition, shape: tuple, dtype: type) -> None:
    images = [np.random.default_rng(n).integers(0, 60000, shape).astype(dtype) for n in range(3)]
    for number, split in enumerate(("train", "val", "test")):
        competition.add(split, f"x{number}", images[number], np.eye(7, 9, dtype=np.uint8))
    cache = open_cache(inspect(competition.spec("N")))
    assert cache.images_NHWC.dtype == dtype
    np.testing.assert_array_equal(cache.images_NHWC, np.stack(images).reshape(3, 7, 9, -1))


def test_arrays_are_mapped_and_cannot_be_changed(report: DataReport) -> None:
    cache = open_cache(report)
    for array in (cache.images_NHWC, cache.masks_NHW):
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_data_is_decoded_once_into_the_folder_that_was_asked_for(
    report: DataReport, cache_root: Path, competition
) -> None:
    before = _bytes(open_cache(report).images_NHWC)
    assert _folders(cache_root) == {report.fingerprint}
    shutil.rmtree(competition.root)
    assert _bytes(open_cache(report).images_NHWC) == before


def test_another_cache_root_is_honoured(
    report: DataReport, cache_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "deep" / "elsewhere"))
    _expect_the_files(report)
    assert _folders(tmp_path / "deep" / "elsewhere") == {report.fingerprint}
    assert not cache_root.exists()
    monkeypatch.delenv("RAYTRAIN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    _expect_the_files(report)
    assert _folders(tmp_path / "home/.cache/raytrain") == {report.fingerprint}


def test_changed_data_has_its_own_folder(report: DataReport, competition, cache_root: Path) -> None:
    open_cache(report)
    competition.add("train", "cmr1", np.full((10, 12), 7, np.uint8), np.eye(10, 12, dtype=np.uint8))
    changed = inspect(competition.spec("(N+1)//2"))
    assert (open_cache(changed).images_NHWC[0] == 7).all()
    assert not (open_cache(report).images_NHWC[0] == 7).all()
    assert _folders(cache_root) == {report.fingerprint, changed.fingerprint}


def test_processes_that_open_at_once_share_one_cache(report: DataReport, cache_root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    text = report.model_dump_json()
    # Nobody passes the barrier alone, so each of the calls is in a process of its own.
    with ProcessPoolExecutor(
        PROCESSES, context, initializer=_set_start, initargs=(context.Barrier(PROCESSES),)
    ) as pool:
        found = list(pool.map(_open_together, [text] * PROCESSES))
    _expect_the_files(report)
    cache = open_cache(report)
    expected = (_bytes(cache.images_NHWC), _bytes(cache.masks_NHW))
    assert [(images, masks) for _, images, masks in found] == [expected] * PROCESSES
    assert len({pid for pid, _, _ in found}) == PROCESSES
    assert _folders(cache_root) == {report.fingerprint}


def test_what_a_killed_builder_left_is_never_read(report: DataReport, cache_root: Path) -> None:
    # The kernel kills the builder when its first array passes 300 bytes.
    program = """
import resource, signal, sys
from raytrain.data.cache import open_cache
from raytrain.data.report import DataReport
report = DataReport.model_validate_json(sys.stdin.read())
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
open_cache(report)
"""
    killed = subprocess.run(
        [sys.executable, "-c", program], input=report.model_dump_json(), text=True, check=False
    )
    assert killed.returncode == -signal.SIGXFSZ
    [stale] = _folders(cache_root)
    assert stale.startswith(f".{report.fingerprint}.")
    np.save(cache_root / stale / "masks.npy", np.full((8, 10, 12), 99, np.uint8))
    _expect_the_files(report)
    assert _folders(cache_root) == {stale, report.fingerprint}


def test_a_build_that_fails_leaves_nothing(report: DataReport, cache_root: Path) -> None:
    broken = Path(report.samples[3].image)
    whole = broken.read_bytes()
    broken.write_bytes(whole[:60])
    with pytest.raises(ValueError, match=rf"{broken.name}: unreadable"):
        open_cache(report)
    assert _folders(cache_root) == set()
    broken.write_bytes(whole)
    _expect_the_files(report)
