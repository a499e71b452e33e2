"""What unit tests share: one thread, a cache of their own, and a tiny competition on disk."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from raytrain.config.competition import CompetitionSpec
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs.record import Task
from tests.tiny import make_task
from tests.unit.own_job import own_job

if TYPE_CHECKING:
    from raytrain.runs.layout import RunDir
    from tests.unit.report_html import Page

CLASSES = ("background", "ring", "core")


@dataclass(frozen=True)
class Competition:
    """A competition of paired folders that a test fills, and may break file by file."""

    root: Path

    def image(self, split: str, name: str) -> Path:
        return self.root / split / "image" / f"{name}.png"

    def mask(self, split: str, name: str) -> Path:
        return self.root / split / "mask" / f"{name}_mask.png"

    def add(self, split: str, name: str, image: np.ndarray, mask_HW: np.ndarray | None) -> None:
        """Save one image (HW or HWC) and, unless None, its mask."""
        for path, array in ((self.image(split, name), image), (self.mask(split, name), mask_HW)):
            if array is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)

    def fill(self, train: int, val: int, test: int) -> None:
        """Patients of two images each, cmr1 and cmr2 first: noise of 10x12 px, three classes."""
        number = 1
        for split, patients in (("train", train), ("val", val), ("test", test)):
            for _ in range(2 * patients):
                rng = np.random.default_rng(number)
                image, mask = rng.integers(0, 256, (10, 12)), rng.integers(0, 3, (10, 12))
                labeled = None if split == "test" else mask.astype(np.uint8)
                self.add(split, f"cmr{number}", image.astype(np.uint8), labeled)
                number += 1

    def spec(self, group: str) -> CompetitionSpec:
        return CompetitionSpec(name="tiny", data=str(self.root), classes=CLASSES, group=group)


@pytest.fixture
def competition(tmp_path: Path) -> Competition:
    """An empty one under tmp_path/data."""
    return Competition(tmp_path / "data")


@pytest.fixture
def own_folder(tmp_path: Path) -> Iterator[Path]:
    """A job with a file of its own parts."""
    with own_job(tmp_path) as folder:
        yield folder


@pytest.fixture(scope="session")
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of new folders. No folder is made."""
    place = tmp_path_factory.mktemp("caches")
    return (place / str(number) for number in count())


@pytest.fixture(autouse=True)
def cache_root(_caches: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's decoded data goes. Most tests write none, and need no folder."""
    root = next(_caches)
    monkeypatch.setenv("RAYTRAIN_CACHE", str(root))
    return root


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> "tuple[RunDir, Page]":
    """A run that was sent, and its page."""
    from tests.unit.report_html import Page
    from tests.unit.report_run import STATIONS, build, page_of  # it loads matplotlib

    run = build(tmp_path_factory.mktemp("whole"), STATIONS[-1])
    return run, Page(page_of(run))


@pytest.fixture(scope="session")
def trained(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The tiny task, trained to its end."""
    task = make_task(tmp_path_factory.mktemp("trained"), samples)
    run_trial(task, samples, SilentReporter())
    return task


@pytest.fixture(scope="module", autouse=True)
def _libraries_stay() -> None:
    """Keep the libraries that earlier files have loaded out of this file's garbage collections.

    Every trial ends with a collection.
    """
    gc.collect(1)
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
