"""How fast batches are made: `python -m benchmarks.data`.

Ratios in one run, medians of alternating pairs, one process and one thread each:
(a) our loader against decoding every PNG in `__getitem__`, the same augmentation; mark 3 with
    light augmentation (`flips`);
(b) our loader against torchvision's v2 transforms on the same decoded arrays;
(c) the share of a step spent waiting for the next batch of 32, with a small U-Net as the step
    (mark 5 %) and with a sleep of 20 ms (mark 10 % with light augmentation), two processes
    preparing batches. `slices` keeps those two busy for longer than the sleep on one core: with no
    core left over, the sleeper waits for a time slice of the scheduler, whatever we do.
Exit code 1 when a mark is missed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from benchmarks.timing import median_ratio
from raytrain.config.augmentation import PresetName
from raytrain.config.competition import CompetitionSpec
from raytrain.config.models import UNetSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import augmented, build_augmentation
from raytrain.data.cache import Cache, open_cache
from raytrain.data.checks import inspect
from raytrain.data.dataset import Scaling, train_loader
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import DataReport
from raytrain.data.samples import SampleFiles
from raytrain.models import build_model

BATCH = 32
FASTER, UNET_WAIT, SLEEP_WAIT = 3.0, 0.05, 0.10
STEP_S = 0.020
LOADERS = 2
PRESETS: tuple[PresetName, ...] = ("flips", "slices")
V2 = {
    "flips": [v2.RandomHorizontalFlip(0.5), v2.RandomVerticalFlip(0.5)],
    "slices": [
        v2.RandomApply(
            [v2.RandomAffine(20, (0.08, 0.08), (0.85, 1.15), (-5, 5, -5, 5))], p=0.9
        ),
        v2.RandomApply([v2.ElasticTransform(40.0, 7.0)], p=0.3),
        v2.RandomApply([v2.ColorJitter(brightness=0.15, contrast=0.2)], p=0.5),
        v2.RandomApply([v2.GaussianNoise(sigma=0.025)], p=0.2),
    ],
}  # fmt: skip
"""The presets as torchvision has them; it has no gamma."""


def our_epoch(
    report: DataReport, cache: Cache, scaling: Scaling, preset: str
) -> Callable[[], None]:
    loader, plan = train_loader(
        cache, cache.rows(report.ids("train")), scaling, _spec(preset), 0, 1, 0
    )

    def epoch() -> None:
        plan.epoch += 1
        for _ in loader:
            pass

    return epoch


class DecodingDataset(Dataset[tuple[np.ndarray, np.ndarray]]):
    """What the source systems do, with our augmentation."""

    def __init__(self, report: DataReport, preset: PresetName):
        self.ids, self.files = report.ids("train"), SampleFiles(report)
        self.augment = build_augmentation(preset)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image, mask = self.files.image(self.ids[index]), self.files.mask(self.ids[index])
        image, mask = augmented(self.augment, image, mask, np.random.SeedSequence(index))
        return np.array(image), np.array(mask)


def decoding_epoch(report: DataReport, scaling: Scaling, preset: PresetName) -> Callable[[], None]:
    loader = DataLoader(DecodingDataset(report, preset), BATCH, shuffle=True)

    def epoch() -> None:
        for image_BHWC, mask_BHW in loader:
            scaling.apply(image_BHWC.numpy())
            mask_BHW.long()

    return epoch


def torchvision_epoch(
    cache: Cache, rows: np.ndarray, scaling: Scaling, preset: str
) -> Callable[[], None]:
    images = [tv_tensors.Image(np.array(cache.image(row)).transpose(2, 0, 1)) for row in rows]
    masks = [tv_tensors.Mask(np.array(cache.mask(row))) for row in rows]
    gray = v2.Compose([v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)])
    move = v2.Compose([gray, *V2[preset]])
    mean, std = (
        torch.tensor(values)[:, None, None] / 255 for values in (scaling.mean, scaling.std)
    )

    def epoch() -> None:
        order = torch.randperm(len(images))
        for part in order.split(BATCH):
            pairs = [move(images[i], masks[i]) for i in part]
            (torch.stack([image for image, _ in pairs]) - mean) / std
            torch.stack([mask for _, mask in pairs]).long()

    return epoch


def waiting(
    report: DataReport, cache: Cache, scaling: Scaling, preset: str, loaders: int,
    step: Callable[[torch.Tensor, torch.Tensor], None],
) -> float:  # fmt: skip
    """Share of the time spent waiting for a batch, from the third of an epoch's batches on."""
    rows = np.tile(cache.rows(report.ids("train")), 4)
    loader, _ = train_loader(cache, rows, scaling, _spec(preset), 0, 1, loaders)
    waited, worked, start = [], [], time.perf_counter()
    for batch in loader:
        ready = time.perf_counter()
        step(batch.image_BCHW, batch.target_BHW)
        end = time.perf_counter()
        waited.append(ready - start)
        worked.append(end - ready)
        start = end
    return sum(waited[2:]) / (sum(waited[2:]) + sum(worked[2:]))


def unet_step() -> Callable[[torch.Tensor, torch.Tensor], None]:
    model = build_model(UNetSpec(width=8), 1, 4, None)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step(image_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(model(image_BCHW), target_BHW.long()).backward()
        optimizer.step()

    return step


def sleep_step(image_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None:
    time.sleep(STEP_S)


def _spec(preset: str) -> TrialSpec:
    return TrialSpec.model_validate({"batch_size": BATCH, "augmentation": preset})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=7, help="alternating pairs, 5 at least")
    pairs = max(5, parser.parse_args().pairs)
    torch.set_num_threads(1)
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_phantom(data, Path(folder) / "truth", PhantomSplit(train=120, val=1, test=1), 0)
        classes = ("bg", "rv", "myo", "lv")
        spec = {"name": "bench", "data": str(data), "classes": classes, "group": "(N+1)//2"}
        report = inspect(CompetitionSpec.model_validate(spec))
        cache, facts = open_cache(report), report.splits["train"]
        scaling = Scaling(facts.mean, facts.std, False)
        print(f"CPU, 1 thread, 240 images 96x96, batch {BATCH}, medians of {pairs} pairs")
        for preset in PRESETS:
            ours = our_epoch(report, cache, scaling, preset)
            decoding = decoding_epoch(report, scaling, preset)
            torchvision = torchvision_epoch(cache, cache.rows(report.ids("train")), scaling, preset)
            for warm_up in (ours, decoding, torchvision):
                warm_up()
            ratio = median_ratio(ours, decoding, pairs)
            mark = f" (mark {FASTER:g})" if preset == "flips" else ""
            missed |= preset == "flips" and ratio < FASTER
            print(f"(a) {preset}: ours / decode per item: {ratio:.2f} x{mark}")
            print(f"(b) {preset}: ours / torchvision v2:  "
                  f"{median_ratio(ours, torchvision, pairs):.2f} x")  # fmt: skip
        for preset in PRESETS:
            for name, step, most in (
                ("U-Net", unet_step(), UNET_WAIT), ("20 ms sleep", sleep_step, SLEEP_WAIT)
            ):  # fmt: skip
                share = waiting(report, cache, scaling, preset, LOADERS, step)
                marked = preset == "flips" or step is not sleep_step
                missed |= marked and share >= most
                words = f" (mark {100 * most:g} %)" if marked else ""
                print(f"(c) {preset}, {name}: {100 * share:.1f} % waiting{words}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
