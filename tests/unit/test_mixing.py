"""Mixup, cutmix and the share of windows with foreground: deterministic, and the same however an
epoch is divided among workers and loader processes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from raytrain.config.framing import TilesSpec
from raytrain.config.mixing import CutMixSpec, MixSpec, MixUpSpec
from raytrain.config.target import IGNORE
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Scaling, train_loader
from raytrain.data.epoch_plan import EpochPlan
from raytrain.data.mixing import MixPlan, mixed
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler
from raytrain.engine.step import train_step
from raytrain.losses import build_loss
from tests.arrays import cache_of

PLAIN = Scaling((0.0,), (1.0,), per_image=False)
KINDS: list[MixSpec] = [MixUpSpec(), CutMixSpec()]


@pytest.fixture(scope="module")
def cache() -> Cache:
    """Ten images of 12x16 px, each of one gray value and one class."""
    images = [np.full((12, 16, 1), 10 * n, np.uint8) for n in range(10)]
    return cache_of(images, [np.full((12, 16), n % 4, np.uint8) for n in range(10)])


def _epoch(
    cache: Cache, spec: TrialSpec, rank: int = 0, world: int = 1, loaders: int = 0, epoch: int = 1
) -> list[Batch]:
    rows = np.arange(len(cache.height))
    loader, plan = train_loader(cache, rows, PLAIN, spec, rank, world, loaders)
    plan.epoch = epoch
    return list(loader)


def test_a_pasted_box_takes_its_mask_along() -> None:
    """Kept share 3/4: a box of half the sides, centred at (0, .5), so half of it is cut off."""
    pairs = [(torch.full((2, 1, 8, 12), v), torch.full((2, 8, 12), int(v))) for v in (1.0, 2.0)]
    plan = MixPlan(CutMixSpec(), np.arange(2), 0.75, (0.0, 0.5))
    (image_BCHW, mask_BHW), other_BHW, share = mixed(*pairs, plan)
    expected = torch.ones(8, 12)
    expected[:2, 3:9] = 2
    assert torch.equal(image_BCHW, expected.expand(2, 1, 8, 12))
    assert torch.equal(mask_BHW, expected.expand(2, 8, 12).long())
    assert (other_BHW, share) == (None, 1.0)


def test_a_sum_of_images_has_both_masks() -> None:
    pairs = [(torch.full((1, 1, 2, 2), v), torch.full((1, 2, 2), int(v))) for v in (1.0, 3.0)]
    plan = MixPlan(MixUpSpec(), np.arange(1), 0.75, (0.5, 0.5))
    (image_BCHW, mask_BHW), other_BHW, share = mixed(*pairs, plan)
    assert torch.equal(image_BCHW, torch.full((1, 1, 2, 2), 1.5))
    assert torch.equal(mask_BHW, pairs[0][1])
    assert other_BHW is pairs[1][1]
    assert share == 0.75


@pytest.mark.parametrize("mix", KINDS, ids=lambda mix: mix.name)
def test_mixing_is_the_same_for_any_workers_and_loaders(cache: Cache, mix: MixSpec) -> None:
    spec = TrialSpec(batch_size=4, augmentation="slices", mix=mix, seed=5)
    alone = _epoch(cache, spec)
    for world, loaders in ((1, 2), (2, 0), (3, 0)):
        ranks = [_epoch(cache, spec, rank, world, loaders) for rank in range(world)]
        for step, whole in enumerate(alone):
            parts = [steps[step] for steps in ranks]
            made = {
                int(row): (image, target)
                for part in parts
                for row, image, target in zip(
                    part.rows[: part.counted], part.image_BCHW, part.target_BHW, strict=False
                )
            }
            assert {part.share for part in parts} == {whole.share}
            assert sorted(made) == sorted(whole.rows.tolist())
            for row, image, target in zip(
                whole.rows, whole.image_BCHW, whole.target_BHW, strict=True
            ):
                assert torch.equal(made[int(row)][0], image)
                assert torch.equal(made[int(row)][1], target)
    again, later = _epoch(cache, spec), _epoch(cache, spec, epoch=2)
    assert all(torch.equal(a.image_BCHW, b.image_BCHW) for a, b in zip(alone, again, strict=True))
    assert not torch.equal(alone[0].image_BCHW, later[0].image_BCHW)


def test_every_pixel_of_a_sum_is_the_sum(cache: Cache) -> None:
    """Each image has one value, which its class tells: so the masks tell what was summed."""
    plain = cache_of(
        [np.full((4, 4, 1), 10 * n, np.uint8) for n in range(4)],
        [np.full((4, 4), n, np.uint8) for n in range(4)],
    )
    spec = TrialSpec(batch_size=4, augmentation="none", mix=MixUpSpec())
    shares = set()
    for epoch in range(1, 9):
        (batch,) = _epoch(plain, spec, epoch=epoch)
        assert batch.other_BHW is not None
        first, second = batch.target_BHW.float(), batch.other_BHW.float()
        expected = 10 * (batch.share * first + (1 - batch.share) * second)
        torch.testing.assert_close(batch.image_BCHW[:, 0], expected)
        assert sorted(second[:, 0, 0].tolist()) == [0, 1, 2, 3]
        shares.add(batch.share)
    assert len(shares) == 8


def test_some_steps_stay_as_they_are(cache: Cache) -> None:
    spec = TrialSpec(batch_size=1, augmentation="none", mix=MixUpSpec(p=0.3))
    batches = [batch for epoch in range(20) for batch in _epoch(cache, spec, epoch=epoch)]
    share = sum(batch.other_BHW is not None for batch in batches) / len(batches)
    assert 0.2 < share < 0.4


@pytest.mark.parametrize("parts", [1, 2])
def test_the_loss_of_a_sum_is_the_sum_of_losses(parts: int) -> None:
    model = torch.nn.Conv2d(1, 3, 1)
    spec = TrialSpec(accumulate=parts)
    world, loss = current_world(), build_loss(spec.loss, "single_label", ())
    image_BCHW, rows = torch.randn(4, 1, 5, 5), np.arange(4)
    first, second = torch.randint(0, 3, (2, 4, 5, 5))
    batch = Batch(image_BCHW, first, rows, 4, 4, second, 0.3)
    logits_BKHW = model(image_BCHW)
    expected = 0.3 * loss(logits_BKHW, first) + 0.7 * loss(logits_BKHW, second)
    optimizer = build_optimizer(spec.optimizer, model)
    scaler = build_scaler(spec, world.device)
    found = train_step(model, batch, loss, optimizer, scaler, spec, world)
    torch.testing.assert_close(found, expected.detach())


def _plan(share: float | None, foreground: list[int], rank: int = 0, world: int = 1) -> EpochPlan:
    spec = TrialSpec(batch_size=7, positive_share=share, seed=2)
    return EpochPlan(spec, np.array(foreground, bool), rank, world)


@pytest.mark.parametrize(("share", "positives"), [(0.5, 20), (0.1, 4), (0.96, 38), (1.0, 40)])
def test_the_share_of_foreground_is_that_asked_for(share: float, positives: int) -> None:
    foreground = [1] * 6 + [0] * 34
    plan = _plan(share, foreground)
    seen = []
    for epoch in (1, 2):
        plan.epoch = epoch
        numbers = np.concatenate([step.windows for step in plan])
        assert len(numbers) == 40 == sum(step.counted for step in plan)
        assert (numbers < 6).sum() == positives
        times = Counter(numbers.tolist())
        for kind in (range(6), range(6, 40)):  # none of a kind comes twice more than another
            assert max(times[n] for n in kind) - min(times[n] for n in kind) <= 1
        seen.append(numbers)
    assert not np.array_equal(*seen)


def test_every_worker_knows_the_same_epoch() -> None:
    foreground = [1] * 6 + [0] * 34
    alone = [step.windows.tolist() for step in _plan(0.5, foreground)]
    ranks = [list(_plan(0.5, foreground, rank, 3)) for rank in range(3)]
    for step, whole in enumerate(alone):
        dealt = [steps[step].windows[: steps[step].counted].tolist() for steps in ranks]
        assert sorted(number for part in dealt for number in part) == sorted(whole)


def test_foreground_is_looked_for_in_each_window() -> None:
    """Two tiles side by side: the organ is in the left one alone; what nobody judged is none."""
    mask = np.zeros((8, 16), np.uint8)
    mask[2, 3], mask[:, 12] = 1, IGNORE
    cache = cache_of([np.arange(128, dtype=np.uint8).reshape(8, 16, 1)], [mask])
    tiles = TilesSpec(height=8, width=8, overlap=0.0)
    spec = TrialSpec(batch_size=1, framing=tiles, augmentation="none", positive_share=1.0)
    for image in (batch.image_BCHW[0, 0] for batch in _epoch(cache, spec)):
        assert image[0].round().tolist() == list(range(8))
    layers = replace(cache, target="multi_label")
    with pytest.raises(ValueError, match="no windows without foreground"):
        _epoch(layers, spec)
    with pytest.raises(ValueError, match="no windows with foreground"):
        _plan(0.5, [0, 0])
