"""How much of a bare training loop's speed the engine keeps: `python -m benchmarks.engine`.

The same tensors, model, augmentation and batch in one process, in alternating pairs; the median
of the pairs' ratios is printed. Where a network's tensors come to lie in memory makes a loop a few
percent faster or slower for as long as it lives, so every few pairs all loops are built anew. Exit
code 1 when engine / bare loop is under 0.98.

(a) the bare loop: augmentation, autocast, forward, loss, backward, step, and nothing else;
(b) the source systems' loop: every PNG decoded and augmented in `__getitem__`, no workers.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from benchmarks.timing import pair_ratios
from raytrain.config.competition import CompetitionSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, ConstantSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import build_augmentation
from raytrain.data.cache import Cache, open_cache
from raytrain.data.checks import inspect
from raytrain.data.dataset import Scaling, train_loader
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import DataReport
from raytrain.data.samples import SampleFiles
from raytrain.engine.loop import Training, train_epoch
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler
from raytrain.engine.training_loss import training_loss
from raytrain.models import build_model

MARK = 0.98
PAIRS = 6
SPEC = TrialSpec(
    model=UNetSpec(width=8),
    optimizer=AdamSpec(lr=1e-3),
    schedule=ConstantSpec(),
    batch_size=8,
    augmentation="slices",
)


def engine_epoch(report: DataReport, cache: Cache, scaling: Scaling) -> Callable[[], None]:
    """An epoch as the engine trains it."""
    world = current_world()
    rows = cache.rows(report.ids("train"))
    loader, plan = train_loader(cache, rows, scaling, SPEC, 0, 1, 0)
    model = build_model(SPEC.model, 1, 4, None).to(world.device)
    optimizer = build_optimizer(SPEC.optimizer, model)
    loss = training_loss(SPEC, "single_label", ())
    scaler = build_scaler(SPEC, world.device)
    training = Training(model, model, None, None, optimizer, scaler, loss, SPEC, world)

    def epoch() -> None:
        plan.epoch += 1
        train_epoch(training, loader, [])

    return epoch


# --- (a) the bare loop: 60 lines at most ---------------------------------------------------------
def bare_epoch(images_NHWC: np.ndarray, masks_NHW: np.ndarray) -> Callable[[], None]:
    device = current_world().device
    model = build_model(SPEC.model, 1, 4, None).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    augment = build_augmentation(SPEC.augmentation)
    mean, std = float(images_NHWC.mean()), float(images_NHWC.std())
    rng = np.random.default_rng(0)

    def epoch() -> None:
        for rows in np.array_split(rng.permutation(len(images_NHWC)), len(images_NHWC) // 8):
            pairs = [augment(image=images_NHWC[i], mask=masks_NHW[i]) for i in rows]
            image = torch.from_numpy(np.stack([pair["image"] for pair in pairs])).to(device)
            target = torch.from_numpy(np.stack([pair["mask"] for pair in pairs])).to(device)
            image_BCHW = ((image.float() - mean) / std).permute(0, 3, 1, 2)
            with torch.autocast(device.type, torch.bfloat16, enabled=False):
                logits = model(image_BCHW)
            loss = functional.cross_entropy(logits, target.long())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return epoch


# --- (b) the source systems' loop ----------------------------------------------------------------
class DecodingDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __init__(self, report: DataReport):
        self.ids, self.files = report.ids("train"), SampleFiles(report)
        self.augment = build_augmentation(SPEC.augmentation)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        id = self.ids[index]
        pair = self.augment(image=self.files.image(id), mask=self.files.mask(id))
        image_CHW = torch.from_numpy(pair["image"]).permute(2, 0, 1).float() / 255
        return image_CHW, torch.from_numpy(pair["mask"].astype(np.int64))


def naive_epoch(report: DataReport) -> Callable[[], None]:
    device = current_world().device
    model = build_model(SPEC.model, 1, 4, None).to(memory_format=torch.contiguous_format)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(DecodingDataset(report), batch_size=8, shuffle=True)

    def epoch() -> None:
        model.train()
        for image_BCHW, target_BHW in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(image_BCHW.to(device)), target_BHW.to(device))
            loss.backward()
            optimizer.step()
            loss.item()

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10, help="each with loops built anew")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    against_bare, against_naive = [], []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_phantom(data, Path(folder) / "truth", PhantomSplit(train=40, val=1, test=1), 0)
        report = inspect(
            CompetitionSpec(name="bench", data=str(data), classes=("bg", "rv", "myo", "lv"))
        )
        cache = open_cache(report)
        facts = report.splits["train"]
        rows = cache.rows(report.ids("train"))
        images, masks = (np.stack([of(row) for row in rows]) for of in (cache.image, cache.mask))
        for _ in range(rounds):
            engine = engine_epoch(report, cache, Scaling(facts.mean, facts.std, False))
            bare, naive = bare_epoch(images, masks), naive_epoch(report)
            for warm_up in (engine, bare, naive):
                warm_up()
            against_bare += pair_ratios(engine, bare, PAIRS)
            against_naive += pair_ratios(engine, naive, 2)
    ratio = statistics.median(against_bare)
    device = current_world().device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, 1 thread"
    print(f"{name}, U-Net width 8, 80 images 96x96, batch 8, "
          f"medians of {rounds} x {PAIRS} pairs")  # fmt: skip
    print(f"(a) engine / bare loop:  {ratio:.3f} of its speed (mark {MARK})")
    print(f"(b) engine / naive loop: {statistics.median(against_naive):.3f} of its speed")
    sys.exit(ratio < MARK)


if __name__ == "__main__":
    main()
