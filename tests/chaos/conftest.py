"""A cluster of two nodes for all disturbances, and a training that nothing disturbed."""

from collections.abc import Iterator

import pytest

from raytrain.runs.layout import TrialDir
from tests.nodes import Nodes, nodes, undisturbed, write_training

EPOCHS = 7


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes of one CPU; a test that takes one away gives one back."""
    with nodes(
        tmp_path_factory.mktemp("nodes"), 2, RAYTRAIN_RESIZE_S="5", RAYTRAIN_STALL_S="600"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def whole(two: Nodes, tmp_path_factory: pytest.TempPathFactory) -> TrialDir:
    """What every training here comes to when nothing disturbs it."""
    del two
    folder = tmp_path_factory.mktemp("whole")
    return undisturbed(write_training(folder, "runs", EPOCHS), folder)
