"""The plan of an epoch: each row counts once over any number of workers."""

from collections import Counter

import numpy as np
import pytest

from raytrain.config.framing import WholeSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Scaling, SliceDataset, epoch_plan
from raytrain.data.epoch_plan import EpochPlan
from raytrain.data.framing import Frame
from tests.arrays import cache_of


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


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize(("count", "batch"), [(8, 4), (10, 4), (7, 3), (9, 1)])
def test_an_incomplete_last_batch_can_be_left_out(count: int, batch: int, world: int) -> None:
    spec = TrialSpec(batch_size=batch, drop_last=True, epochs=5)
    plans = [EpochPlan(spec, np.ones(count, bool), rank, world) for rank in range(world)]
    plan, left = plans[0], set()
    for epoch in range(1, 6):
        for each in plans:
            each.epoch = epoch
        steps = [list(each) for each in plans]
        assert {len(each) for each in steps} == {len(plan)} == {plan.steps} == {count // batch}
        assert {part.global_size for each in steps for part in each} == {batch}
        seen = [int(n) for each in steps for part in each for n in part.windows[: part.counted]]
        assert len(seen) == len(set(seen)) == count // batch * batch
        left |= set(range(count)) - set(seen)
    assert plan.total_steps == 5 * plan.steps
    # Other windows are left out in other epochs.
    assert len(left) > count % batch or count % batch == 0


def test_a_batch_that_is_never_full_is_refused() -> None:
    spec = TrialSpec(batch_size=8, drop_last=True)
    with pytest.raises(ValueError, match="7 windows do not fill a batch of 8; lower"):
        EpochPlan(spec, np.ones(7, bool), 0, 1)


def test_copies_without_their_originals() -> None:
    rows = np.arange(2, 5)
    cache = cache_of(np.zeros((5, 8, 8, 1), np.uint8), np.zeros((5, 8, 8), np.uint8))
    frame, plain = Frame(WholeSpec(), cache.largest), Scaling((0.0,), (1.0,), per_image=False)
    spec = TrialSpec(copies=2, originals=False, batch_size=4)
    windows = frame.windows(cache, rows)
    dataset = SliceDataset(cache, frame, windows, plain, "flips", spec.copies, spec.seed)
    plan = epoch_plan(dataset, spec, 0, 1)
    seen = sorted(int(n) for step in plan for n in step.windows)
    assert seen == list(range(len(rows), 3 * len(rows)))
    assert plan.count == spec.times * len(rows)
    with pytest.raises(ValueError, match="leave no image to train on; set copies to 1"):
        TrialSpec(originals=False)
