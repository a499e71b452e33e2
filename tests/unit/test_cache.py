"""The decoded cache: the files' own pixels, built once, by one process, whole or not at all."""

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
from raytrain.data.report import DataReport, read_report, write_report
from tests.commands import quick_processes

PROCESSES = 10
_start: list[Barrier] = []


def _set_start(barrier: Barrier) -> None:
    _start.append(barrier)


def _open_together(path: Path) -> tuple[int, bytes, bytes]:
    report = read_report(path)
    _start[0].wait(timeout=120)
    cache = open_cache(report)
    return os.getpid(), _bytes(cache.pixels), _bytes(cache.labels)


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
    root = Path(report.source)
    for row, sample in enumerate(report.samples.itertuples()):
        image = np.asarray(Image.open(root / sample.image))
        np.testing.assert_array_equal(cache.image(row), image[..., None])
        mask = np.asarray(Image.open(root / sample.mask)) if sample.mask else np.zeros_like(image)
        np.testing.assert_array_equal(cache.mask(row), mask)
        assert (cache.image(row).dtype, cache.mask(row).dtype) == (image.dtype, np.uint8)


def test_arrays_are_the_decoded_files(report: DataReport) -> None:
    _expect_the_files(report)
    cache = open_cache(report)
    with pytest.raises(KeyError, match="cmr9"):
        cache.rows(("cmr3", "cmr9"))
    np.testing.assert_array_equal(cache.rows(("cmr3", "cmr8", "cmr1")), [2, 7, 0])
    assert cache.rows(()).shape == (0,)


@pytest.mark.parametrize(("shape", "dtype"), [((7, 9, 3), np.uint8), ((7, 9), np.uint16)])
def test_colors_and_depths_are_kept(competition, shape: tuple, dtype: type) -> None:
    images = [np.random.default_rng(n).integers(0, 60000, shape).astype(dtype) for n in range(3)]
    for number, split in enumerate(("train", "val", "test")):
        competition.add(
            split, f"x{number}", images[number], np.eye(7, 9, dtype=np.uint8) * (1 + number % 2)
        )
    cache = open_cache(inspect(competition.spec("N")))
    for row, image in enumerate(images):
        assert cache.image(row).dtype == dtype
        np.testing.assert_array_equal(cache.image(row), image.reshape(7, 9, -1))


def test_arrays_are_mapped_and_cannot_be_changed(report: DataReport) -> None:
    cache = open_cache(report)
    for array in (cache.pixels, cache.labels):
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_data_is_decoded_once_into_the_folder_that_was_asked_for(
    report: DataReport, cache_root: Path, competition
) -> None:
    before = _bytes(open_cache(report).pixels)
    assert _folders(cache_root) == {report.fingerprint}
    shutil.rmtree(competition.root)
    assert _bytes(open_cache(report).pixels) == before


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
    assert (open_cache(changed).image(0) == 7).all()
    assert not (open_cache(report).image(0) == 7).all()
    assert _folders(cache_root) == {report.fingerprint, changed.fingerprint}


@pytest.mark.slow
def test_processes_that_open_at_once_share_one_cache(
    report: DataReport, cache_root: Path, tmp_path: Path
) -> None:
    context = quick_processes()
    path = tmp_path / "data.json"
    write_report(path, report)
    # Nobody passes the barrier alone, so each of the calls is in a process of its own.
    with ProcessPoolExecutor(
        PROCESSES, context, initializer=_set_start, initargs=(context.Barrier(PROCESSES),)
    ) as pool:
        found = list(pool.map(_open_together, [path] * PROCESSES))
    _expect_the_files(report)
    cache = open_cache(report)
    expected = (_bytes(cache.pixels), _bytes(cache.labels))
    assert [(images, masks) for _, images, masks in found] == [expected] * PROCESSES
    assert len({pid for pid, _, _ in found}) == PROCESSES
    assert _folders(cache_root) == {report.fingerprint}


def test_what_a_killed_builder_left_is_removed(
    report: DataReport, cache_root: Path, tmp_path: Path
) -> None:
    # The kernel kills the builder when its first array passes 300 bytes.
    program = """
import resource, signal, sys
from pathlib import Path
from raytrain.data.cache import open_cache
from raytrain.data.report import read_report
report = read_report(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
open_cache(report)
"""
    write_report(tmp_path / "data.json", report)
    words = [sys.executable, "-c", program, str(tmp_path / "data.json")]
    killed = subprocess.run(words, check=False)
    assert killed.returncode == -signal.SIGXFSZ
    [stale] = _folders(cache_root)
    assert stale.startswith(f".{report.fingerprint}.")
    np.save(cache_root / stale / "masks.npy", np.full(8 * 10 * 12, 99, np.uint8))
    _expect_the_files(report)
    assert _folders(cache_root) == {report.fingerprint}


def test_a_build_that_fails_leaves_nothing(report: DataReport, cache_root: Path) -> None:
    broken = Path(report.source) / report.samples["image"][3]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:60])
    with pytest.raises(ValueError, match=rf"{broken.name}: unreadable"):
        open_cache(report)
    assert _folders(cache_root) == set()
    broken.write_bytes(whole)
    _expect_the_files(report)


def test_what_was_unused_for_longest_goes_first(
    competition, cache_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    # One set takes 8 images and masks of 120 px, and two headers of 128 bytes: 2176.
    monkeypatch.setenv("RAYTRAIN_CACHE_GB", "0.000005")
    reports = []
    for value in range(3):
        competition.fill(train=2, val=1, test=1)
        competition.add("test", "cmr7", np.full((10, 12), value, np.uint8), None)
        reports.append(inspect(competition.spec("(N+1)//2")))
        open_cache(reports[-1])
        for report, age in zip(reports, (100, 300, 200), strict=False):
            used = cache_root / report.fingerprint / "used"
            if used.exists():
                os.utime(used, (age, age))
    assert _folders(cache_root) == {reports[1].fingerprint, reports[2].fingerprint}
    assert (
        f"removed the decoded data in {cache_root / reports[0].fingerprint}"
        in capsys.readouterr().err
    )
    _expect_the_files(reports[2])
    # A set that is open stays readable when it goes, and comes back when it is asked for again.
    held = open_cache(reports[1])
    before = _bytes(held.pixels)
    shutil.rmtree(cache_root / reports[1].fingerprint)
    assert _bytes(held.pixels) == before
