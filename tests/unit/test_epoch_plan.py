"""The plan of an epoch: each row counts once over any number of workers."""

from collections import Counter

import numpy as np
import pytest

from raytrain.config.trial import TrialSpec
from raytrain.data.epoch_plan import EpochPlan


def _plans(count: int, batch: int, seed: int, world: int, epoch: int) -> list[list]:
    """[rank][step] -> BatchPlan."""
    spec = TrialSpec(batch_size=batch, seed=seed)
    ranks = [EpochPlan(spec, np.ones(count, bool), rank, world) for rank in range(world)]
    for plan in ranks:
        plan.epoch = epoch
    return [list(plan) for plan in ranks]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("count", "batch"), [(8, 4), (10, 4), (7, 3), (5, 8), (1, 4), (13, 4), (9, 1), (12, 12)]
)
def test_every_row_counts_once_whatever_the_workers(count: int, batch: int, world: int) -> None:
    [alone] = _plans(count, batch, seed=3, world=1, epoch=2)
    ranks = _plans(count, batch, seed=3, world=world, epoch=2)
    assert {len(steps) for steps in ranks} == {len(alone)} == {-(-count // batch)}
    spec = TrialSpec(batch_size=batch)
    assert len(EpochPlan(spec, np.ones(count, bool), 0, world)) == len(alone)
    for step, whole in enumerate(alone):
        parts = [steps[step] for steps in ranks]
        counted = [int(row) for part in parts for row in part.windows[: part.counted]]
        assert sorted(counted) == sorted(whole.windows.tolist())
        assert sum(part.counted for part in parts) == len(whole.windows)
        for part in parts:
            assert part.global_size == len(whole.windows)
            assert part.epoch == 2
            # A worker without a share still takes the step, with an image that does not count.
            assert part.counted == len(part.windows) or (
                part.counted == 0 and len(part.windows) == 1
            )
    found = Counter(number for whole in alone for number in whole.windows.tolist())
    assert found == Counter(range(count))


def test_seed_and_epoch_decide_the_order() -> None:
    orders = [
        tuple(np.concatenate([p.windows for p in _plans(40, 8, seed, 1, epoch)[0]]))
        for seed in (0, 1)
        for epoch in (1, 2)
    ]
    assert len(set(orders)) == 4
    again = np.concatenate([p.windows for p in _plans(40, 8, 0, 1, 1)[0]])
    np.testing.assert_array_equal(again, orders[0])
    assert orders[0] != tuple(range(40))
