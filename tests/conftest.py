"""Fixtures of every suite, and how the suites are shared out to processes."""
# ruff: noqa: E402

import gc
import os
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

# Loading the libraries makes a million objects that stay. The collector need not look at them.
gc.disable()
# Few objects of a test are in reference cycles, so the collector runs less often.
gc.set_threshold(10_000, 10, 10)

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from raytrain.engine.trial import Samples
from raytrain.runs.messages import print_messages
from tests.tiny import draw_samples

if TYPE_CHECKING:
    from tests.s3 import Requests

# Libraries read it when they are loaded, in the processes that tests start too. On cores that are
# shared, a second thread costs more time than it saves.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same examples in every run, and no deadline: machines differ in speed.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=25, database=None)
settings.load_profile("suite")

# Messages about progress are where a test looks for printed text.
print_messages()
# `urlopen` keeps the proxies that the environment names at its first call, also those of one test.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))


ORDER = ("ray", "zoo", "e2e", "chaos", "gpu", "unit")
"""The suites, the longest in one process first."""


def suite_of(path: str) -> str:
    """The folder under tests/ of a path such as `tests/unit/test_cache.py`."""
    return path.split("/")[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its suite, and run the longest suites first."""
    for item in items:
        suite = suite_of(item.nodeid)
        if suite in ("ray", "zoo", "chaos", "gpu"):
            item.add_marker(suite)
    items.sort(key=lambda item: ORDER.index(suite_of(item.nodeid)))


def pytest_collection_finish() -> None:
    """Leave what the libraries made out of every later collection, which a trial ends with."""
    gc.collect()
    gc.freeze()
    gc.enable()


class _Shared(LoadScopeScheduling):
    """Keeps tests that share a fixture in one process: those of a file, and all that need Ray."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "ray" if suite_of(path) == "ray" else path


@pytest.hookimpl(optionalhook=True)  # where xdist is switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Share the tests out among the processes of `--numprocesses`."""
    return _Shared(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What a test of this process writes need not outlive the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture
def requests() -> "Iterator[Requests]":
    """The requests to an S3 server that has the bucket `storage`."""
    from tests.s3 import bucket  # few tests need it, and it loads moto

    with bucket("storage") as found:
        yield found


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """A tiny data set, decoded into a cache of its own."""
    root = tmp_path_factory.mktemp("samples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(root / "cache"))
        return draw_samples(root)
