"""What a million images cost before the first batch: `python -m benchmarks.million`.

A generated index of that size against one of a thousand, each in a process of its own; images are
holes in a file, so that it takes no disk. Exit code 1 when the first batch takes over 10 s or
300 MB more memory than with a thousand images.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import train_loader
from raytrain.data.report import DataReport, write_report
from raytrain.engine.training_images import task_scaling
from raytrain.engine.trial import open_samples
from raytrain.runs.layout import RunDir
from raytrain.runs.store import cache_root

SECONDS, MEGABYTES = 10.0, 300.0
SIDE = 64


def generate(run: RunDir, images: int) -> None:
    """The report of so many images, and their decoded data as the cache keeps it."""
    number_N = np.arange(images)
    rng = np.random.default_rng(0)
    samples = pd.DataFrame(
        {
            "id": [f"img{number}" for number in number_N],
            "split": np.where(number_N % 10 == 9, "val", "train"),
            "group": [str(number // 2) for number in number_N],
            "image": [f"train/image/img{number}.png" for number in number_N],
            "mask": [f"train/mask/img{number}_mask.png" for number in number_N],
            "height": SIDE,
            "width": SIDE,
            "mean_0": rng.random(images) * 255,
            "square_0": rng.random(images) * 255**2,
            "pixels_0": SIDE**2 - 96,
            "pixels_1": 96,
            "ignored": 0,
        }
    )
    report = DataReport(
        fingerprint=f"generated-{images}", source="/none", format=PairedFoldersSpec(), channels=1,
        dtype="uint8", classes=("background", "object"), target="single_label",
        sizes={f"{SIDE}x{SIDE}": images}, splits={}, duplicates=(), near_duplicates=(),
        disagreements=(), shift_auc=None, samples=samples,
    )  # fmt: skip
    write_report(run.data_report, report)
    folder = cache_root() / report.fingerprint
    folder.mkdir(parents=True)
    for name in ("images.npy", "masks.npy"):
        np.lib.format.open_memmap(folder / name, "w+", np.uint8, (images * SIDE**2,)).flush()


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def first_batch(run: RunDir) -> None:
    """Print the seconds and the memory that it takes from nothing to the first batch."""
    before, start = resident_mb(), time.perf_counter()
    samples = open_samples(run)
    rows = samples.cache.rows(samples.report.ids("train"))
    spec = TrialSpec(batch_size=32, augmentation="flips")
    scaling = task_scaling(spec, samples.report, rows)
    loader, _ = train_loader(samples.cache, rows, scaling, spec, 0, 1, 0)
    next(iter(loader))
    print(time.perf_counter() - start, resident_mb() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--measure", type=Path, help="only open this run and take one batch")
    options = parser.parse_args()
    if options.measure:
        first_batch(RunDir(options.measure))
        return
    found = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAYTRAIN_CACHE"] = f"{folder}/cache"
        for images in (1000, options.images):
            run = RunDir(Path(folder) / str(images))
            generate(run, images)
            command = [sys.executable, "-m", "benchmarks.million", "--measure", str(run.path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, megabytes = map(float, done.stdout.split())
            print(f"{images:>9,} images: first batch after {seconds:.2f} s, {megabytes:.0f} MB")
            found.append((seconds, megabytes))
    (_, few), (seconds, many) = found
    print(f"{many - few:.0f} MB more (mark {MEGABYTES:g}), {seconds:.2f} s (mark {SECONDS:g})")
    sys.exit(seconds > SECONDS or many - few > MEGABYTES)


if __name__ == "__main__":
    main()
