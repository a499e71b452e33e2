"""How many workers fit on what a node has (no cluster is needed)."""

import pytest

from raytrain.cluster.autoscaling import fitting
from raytrain.config.job import ResourcesSpec


@pytest.mark.parametrize(
    ("have", "each", "count"),
    [(1, 0.2, 5), (1, 0.1, 10), (8, 0.25, 32), (1, 0.3, 3), (2, 1, 2), (0, 0.5, 0), (3, 2, 1)],
)
def test_shares_of_a_gpu_fill_it(have: float, each: float, count: int) -> None:
    assert fitting(have, each) == count


def test_more_than_one_gpu_is_whole_ones() -> None:
    assert ResourcesSpec(gpus=0.25).gpus == 0.25
    assert ResourcesSpec(gpus=2).gpus == 2
    with pytest.raises(ValueError, match=r"or a share below 1 \(got 1.5\)"):
        ResourcesSpec(gpus=1.5)
