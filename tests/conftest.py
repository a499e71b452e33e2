"""Fixtures of every suite, and how the suites are shared out to processes."""

from pathlib import Path

import pytest
from hypothesis import settings

from raytrain.engine.trial import Samples
from tests.tiny import draw_samples

SUITES = Path(__file__).parent

# The same examples in every run, and no deadline: machines differ in speed.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=25, database=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its suite, and keep tests that share a fixture in one process: those of a
    file, and all that need the Ray cluster."""
    for item in items:
        suite, *_ = item.path.relative_to(SUITES).parts
        if suite in ("ray", "zoo", "chaos"):
            item.add_marker(suite)
        group = "ray" if suite == "ray" else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """A tiny data set, decoded into a cache of its own."""
    root = tmp_path_factory.mktemp("samples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYTRAIN_CACHE", str(root / "cache"))
        return draw_samples(root)
