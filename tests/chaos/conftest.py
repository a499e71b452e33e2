"""A cluster of two nodes for all disturbances, and a training on it that nothing disturbed."""

from collections.abc import Iterator

import pytest

from tests.nodes import Nodes, Training, nodes, resumed_well, write_training

EPOCHS = 7


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes of one CPU; a test that takes one away gives one back."""
    with nodes(
        tmp_path_factory.mktemp("nodes"), 2, RAYTRAIN_RESIZE_S="5", RAYTRAIN_STALL_S="600"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def whole(two: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Two workers to the end."""
    folder = tmp_path_factory.mktemp("whole")
    training = Training(write_training(folder, "runs", EPOCHS), "2", two.env, folder / "log")
    training.end()
    resumed_well(training, [], 1)
    return training
