"""A batch that breaks the loss: named and saved, or left out as if it had never come."""

import re
from pathlib import Path

import pytest
import torch
from torch import distributed, nn
from torch.utils.data import DataLoader

from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, RmsPropSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Batch, train_loader
from raytrain.engine.loop import Training, train_epoch
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler
from raytrain.engine.schedules import rate_factors, set_rates
from raytrain.engine.step import train_step
from raytrain.engine.training_images import task_scaling
from raytrain.engine.trial import Samples
from raytrain.losses import build_loss
from raytrain.models import build_model
from tests.unit.test_parallel import on_workers

SPEC = TrialSpec(
    model=UNetSpec(width=4, depth=1), optimizer=SgdSpec(lr=1e-2, momentum=0.9), epochs=2,
    batch_size=4, augmentation="none", clip_norm=1.0,
)  # fmt: skip
BROKEN = 5
"""Number of the training image whose loss is not finite."""


class Fragile(nn.Module):
    """A network that one image makes not finite, its running statistics too."""

    def __init__(self, network: nn.Module, image_CHW: torch.Tensor):
        super().__init__()
        self.network, self.image_CHW = network, image_CHW

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        hit_B = (image_BCHW == self.image_CHW).all(dim=(1, 2, 3))
        bad_B = torch.where(hit_B, torch.inf, 1.0)
        return self.network(image_BCHW * bad_B[:, None, None, None])


def _training(
    samples: Samples, spec: TrialSpec, folder: Path
) -> tuple[Training, DataLoader[Batch]]:
    """Training and loader of 10 images in steps of 4, 4 and 2, one of which breaks the loss."""
    world, report = current_world(), samples.report
    rows = samples.cache.rows(report.ids("train"))
    scaling = task_scaling(spec, report, rows)
    loader, _ = train_loader(samples.cache, rows, scaling, spec, world.rank, world.size, 0)
    torch.manual_seed(0)
    image = samples.cache.image(int(rows[BROKEN]))[None].copy()
    image_CHW = scaling.apply(image)[0]
    model = Fragile(build_model(spec.model, 1, 4, None), image_CHW)
    return Training(
        network=world.wrap(model, 1), model=model, ema=None, swa=None,
        optimizer=build_optimizer(spec.optimizer, model),
        scaler=build_scaler(spec, world.device), loss=build_loss(spec.loss, "single_label", ()),
        spec=spec, world=world, directory=folder,
    ), loader  # fmt: skip


def _broken_step(samples: Samples, loader: DataLoader[Batch]) -> int:
    row = int(samples.cache.rows(samples.report.ids("train"))[BROKEN])
    return next(number for number, batch in enumerate(loader) if row in batch.rows)


def test_the_step_is_named_and_its_batch_saved(samples: Samples, tmp_path: Path) -> None:
    training, loader = _training(samples, SPEC, tmp_path)
    number = _broken_step(samples, loader)
    with pytest.raises(ValueError, match="not_finite=skip") as raised:
        train_epoch(training, loader, [])
    text = str(raised.value)
    assert f"the loss is nan at epoch 1, step {number + 1} (images " in text
    [path] = tmp_path.glob("*.pt")
    assert str(path) in text
    saved = torch.load(path, weights_only=True)
    batch = list(loader)[number]
    assert torch.equal(saved["image_BCHW"], batch.image_BCHW)
    assert torch.equal(saved["target_BHW"], batch.target_BHW)
    assert samples.report.ids("train")[BROKEN] in saved["images"]
    assert all(name in text for name in saved["images"])
    assert (saved["epoch"], saved["step"]) == (1, number + 1)


@pytest.mark.parametrize("optimizer", [SPEC.optimizer, AdamSpec(), RmsPropSpec()])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_left_out_leaves_nothing_behind(
    samples: Samples, tmp_path: Path, optimizer: SgdSpec, accumulate: int
) -> None:
    update = {"not_finite": "skip", "optimizer": optimizer, "accumulate": accumulate}
    spec = SPEC.model_copy(update=update)
    training, loader = _training(samples, spec, tmp_path)
    row = train_epoch(training, loader, [])
    assert row["skipped"] == 1
    assert row["images"] == 10
    other, loader = _training(samples, spec.model_copy(update={"not_finite": "stop"}), tmp_path)
    broken = _broken_step(samples, loader)
    other.network.train()
    factors = rate_factors(spec.schedule, len(loader), len(loader) * spec.epochs, [])
    losses = []
    for number, batch in enumerate(loader):
        if number != broken:
            set_rates(other.optimizer, factors[number])
            step = (other.network, batch, other.loss, other.optimizer, other.scaler)
            losses.append(train_step(*step, other.spec, other.world))
    assert row["train_loss"] == float(torch.stack(losses).double().mean())
    one, two = training.model.state_dict(), other.model.state_dict()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


def test_an_epoch_of_which_nothing_is_left_ends_the_training(
    samples: Samples, tmp_path: Path
) -> None:
    spec = SPEC.model_copy(update={"not_finite": "skip", "batch_size": 10})
    training, loader = _training(samples, spec, tmp_path)
    with pytest.raises(ValueError, match=r"the loss is nan at epoch 1, step 1 .*lower optimizer"):
        train_epoch(training, loader, [])


def _two(rank: int, size: int, store: str, samples: Samples, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=size)
    spec = SPEC.model_copy(update={"model": UNetSpec(width=4, depth=1, norm="group")})
    training, loader = _training(samples, spec, folder)
    with pytest.raises(ValueError, match="the loss is nan") as raised:
        train_epoch(training, loader, [])
    (folder / f"said{rank}").write_text(str(raised.value))
    training, loader = _training(samples, spec.model_copy(update={"not_finite": "skip"}), folder)
    row = train_epoch(training, loader, [])
    assert row["skipped"] == 1
    torch.save(training.model.state_dict(), folder / f"weights{rank}")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_every_worker_says_the_same_and_leaves_the_same_out(
    samples: Samples, tmp_path: Path
) -> None:
    on_workers(2, tmp_path, _two, samples, tmp_path)
    said = [(tmp_path / f"said{rank}").read_text() for rank in (0, 1)]
    assert said[0] == said[1]
    # One worker's share alone is broken, and it alone is saved.
    [path] = tmp_path.glob("*.pt")
    assert re.search(rf"batch in {path}\)", said[0])
    assert samples.report.ids("train")[BROKEN] in torch.load(path, weights_only=True)["images"]
    one, two = (torch.load(tmp_path / f"weights{rank}") for rank in (0, 1))
    for name, value in one.items():
        assert torch.equal(value, two[name])
        assert value.isfinite().all()
