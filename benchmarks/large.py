"""What large and many images cost: `python -m benchmarks.large`.

All have three classes and are 8-bit gray images. One thread; seconds are CPU time.
line: `raytrain check` and `raytrain run`, with a labeled TIFF and a test TIFF of 20,000 x 20,000
    pixels, a U-Net of width 2 in tiles, trained for four steps: the peak memory of each command;
    mark 4 GB. The masks are in the CSV that `run` writes.
The other sets are predicted by `raytrain predict` in a process of its own; the masks are read back
and written as a CSV.
huge: one such TIFF, with that network; mark 4 GB;
steps: the same with every step from the mean map to the mask that suits three classes; mark 4 GB;
squares: 200 TIFFs of 4,096 x 4,096; mark 4 GB;
many: 18,000 PNGs of 101 x 101, with a U-Net on ResNet-34: the share of the time that is not the
    network's (reading, framing, encoding, writing), and of each part; mark 15 %.
`--sets line steps` runs some of them, `--side 2000` with another size of the large TIFFs. Exit code
1 when a mark is missed.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

from raytrain.config.competition import SubmissionSpec
from raytrain.config.framing import FramingSpec, PadSpec, TilesSpec
from raytrain.config.models import ModelSpec, SmpSpec, UNetSpec
from raytrain.config.steps import (
    BiasStep,
    FillHolesStep,
    InsideStep,
    LargestComponentsStep,
    PresenceStep,
    SmallestAreaStep,
    StepSpec,
)
from raytrain.config.trial import TrialSpec
from raytrain.data import new_cache
from raytrain.data.decode import decode_mask
from raytrain.engine import predictor
from raytrain.engine.checkpoint import save_weights
from raytrain.ensemble.source import open_source, write_bundle
from raytrain.models import build_model
from raytrain.pipeline import predict_new
from raytrain.submission.table import build_table, write_table

GIGABYTES, SHARE = 4.0, 0.15
PARTS = ("network", "reading", "writing masks", "encoding the CSV")
"""The parts of the time that are shown. The rest is framing, blending and listing files."""
CLASSES = ("bg", "cell", "nucleus")
TILES = TilesSpec(height=256, width=256)
SMALL = UNetSpec(width=2, depth=2)
SETS: dict[str, tuple[ModelSpec, FramingSpec, int]] = {
    "huge": (SMALL, TILES, 256),
    "steps": (SMALL, TILES, 256),
    "squares": (SMALL, TILES, 256),
    "many": (SmpSpec(decoder="unet", encoder="resnet34"), PadSpec(), 128),
}
"""Set to predict -> network, framing, and side of a window."""
STEPS: tuple[StepSpec, ...] = (
    BiasStep(at=(0.25, -0.25)), PresenceStep(at=(4, 4)), FillHolesStep(at=(1, 1)),
    SmallestAreaStep(at=(16, 16)), LargestComponentsStep(at=(2, 2)), InsideStep(inner=2, outer=1),
)  # fmt: skip
JOB = """
competition:
  name: large
  data: {folder}/data
  classes: [bg, cell, nucleus]
  format: {{image: "{{split}}/image/{{name}}.tif", mask: "{{split}}/mask/{{name}}.tif"}}
  submission: {{dialect: cardiac, id: "{{name}}_{{class}}"}}
trial:
  model: {{name: unet, width: 2, depth: 2}}
  framing: {{name: tiles, height: 256, width: 256}}
  augmentation: none
  length: {{steps: 4}}
  batch_size: 16
search: {{trials: 1, scheduler: {{name: none}}}}
folds: none
storage: {folder}/runs
"""


def textured(side: int, seed: int) -> np.ndarray:
    """Return image_HW (uint8) with blobs of many sizes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (side // 16 + 1, side // 16 + 1), dtype=np.uint8)
    image_HW = coarse.repeat(16, 0).repeat(16, 1)[:side, :side]
    return image_HW + rng.integers(0, 50, (side, side), dtype=np.uint8)


def draw(name: str, folder: Path, side: int) -> None:
    """Write the images of a set."""
    if name in ("huge", "steps"):
        tifffile.imwrite(folder / "huge.tif", textured(side, 0))
    elif name == "squares":
        tifffile.imwrite(folder / "0.tif", textured(4_096, 0))
        for number in range(1, 200):
            os.link(folder / "0.tif", folder / f"{number}.tif")
    else:
        for number in range(18_000):
            Image.fromarray(textured(101, number)).save(folder / f"{number}.png")


def draw_line(folder: Path, side: int) -> None:
    """Write the data of a competition: an image in each split, with masks in train and val."""
    for number, (split, size) in enumerate({"train": side, "val": 512, "test": side}.items()):
        image_HW = textured(size, number)
        (folder / split / "image").mkdir(parents=True)
        tifffile.imwrite(folder / split / "image" / f"{split}.tif", image_HW)
        if split != "test":
            (folder / split / "mask").mkdir()
            mask_HW = (image_HW > 100).astype(np.uint8) + (image_HW > 180)
            tifffile.imwrite(folder / split / "mask" / f"{split}.tif", mask_HW)


def elsewhere(function: Callable, *arguments: object) -> None:
    """Call a function in a process of its own. A child's peak memory is at least that which its
    parent had when it started the child."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def save_network(name: str, path: Path) -> None:
    """Write a checkpoint with random weights."""
    model, framing, side = SETS[name]
    spec = TrialSpec(model=model, framing=framing, batch_size=16)
    torch.manual_seed(0)
    state = build_model(spec.model, 1, len(CLASSES), None).state_dict()
    card = {
        "spec": spec.model_dump(mode="json"), "classes": CLASSES, "target": "single_label",
        "channels": 1, "dtype": "uint8", "size": (side, side),
        "scaling": {"mean": (124.0,), "std": (60.0,), "per_image": False},
    }  # fmt: skip
    save_weights(path, {"epoch": 1, "model": state}, card)


def timed(function: Callable, spent: list[float]) -> Callable:
    """Return the function; the seconds of its calls are added to `spent`."""

    def wrapped(*arguments: object) -> object:
        start = time.process_time()
        found = function(*arguments)
        spent.append(time.process_time() - start)
        return found

    return wrapped


def predict(bundle: Path, images: Path, out: Path) -> None:
    """Predict and print as JSON: peak memory in GB, and the seconds of the parts and of all."""
    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {part: [] for part in PARTS}
    predictor.forward = timed(predictor.forward, spent["network"])
    new_cache.read_new = timed(new_cache.read_new, spent["reading"])
    predict_new.write_mask = timed(predict_new.write_mask, spent["writing masks"])
    start = time.process_time()
    predict_new.predict_new([str(images)], bundle, out, (), trust=False)
    timed(write_csv, spent["encoding the CSV"])(out)
    seconds = {part: sum(each) for part, each in spent.items()}
    seconds["all"] = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"peak": peak, **seconds}))


def write_csv(out: Path) -> None:
    """Read the masks back, and write them as a CSV."""
    dialect = SubmissionSpec(dialect="cardiac", id="{name}_{class}")
    masks = ((path.stem, decode_mask(path)) for path in sorted(out.glob("*.png")))
    write_table(out / "x.csv", build_table(masks, CLASSES, dialect, "single_label"), dialect)


def measured(name: str, folder: Path, side: int) -> dict[str, float]:
    """Return what `predict` prints, from a process of its own."""
    images, checkpoint = folder / "images", folder / "network.pt"
    images.mkdir()
    elsewhere(draw, name, images, side)
    save_network(name, checkpoint)
    source = open_source(checkpoint, trust=False)
    steps = STEPS if name == "steps" else ()
    bundle = source.bundle.model_copy(update={"steps": steps})
    write_bundle(replace(source, bundle=bundle), folder / "bundle")
    command = [sys.executable, "-m", "benchmarks.large", "--child", str(folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text.splitlines()[-1])


def line(folder: Path, side: int) -> bool:
    """Print the peak memory of each command from the data to the CSV, and return whether one is
    over the mark."""
    elsewhere(draw_line, folder / "data", side)
    job, missed = folder / "job.yaml", False
    environment = {**os.environ, "RAYTRAIN_CACHE": str(folder / "cache")}
    job.write_text(JOB.format(folder=folder))
    for command in (("check",), ("run", "--local")):
        name, *flags = command
        full = [sys.executable, "-m", "raytrain", name, str(job), *flags]
        with (folder / "log").open("w") as log:
            child = subprocess.Popen(full, stdout=log, stderr=log, env=environment)
            _, child.returncode, usage = os.wait4(child.pid, 0)
        if child.returncode:
            sys.exit((folder / "log").read_text())
        peak, seconds = usage.ru_maxrss / 1e6, usage.ru_utime + usage.ru_stime
        missed |= peak > GIGABYTES
        text = f"line: raytrain {name}, images of {side} x {side}: {seconds:.0f} s, peak {peak:.2f}"
        print(f"{text} GB (mark {GIGABYTES:g} GB)", flush=True)
    [csv] = (folder / "runs").rglob("submission.csv")
    print(f"line: {len(csv.read_text().splitlines()) - 1} rows in the CSV", flush=True)
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="+", choices=("line", *SETS), default=["line", *SETS])
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder = options.child
        predict(folder / "bundle", folder / "images", folder / "out")
        return
    missed = False
    for name in options.sets:
        with tempfile.TemporaryDirectory() as folder:
            if name == "line":
                missed |= line(Path(folder), options.side)
                continue
            found = measured(name, Path(folder), options.side)
        outside = 1 - found["network"] / found["all"]
        missed |= outside > SHARE if name == "many" else found["peak"] > GIGABYTES
        parts = ", ".join(f"{part} {found[part] / found['all']:.1%}" for part in PARTS)
        mark = f"{SHARE:.0%}" if name == "many" else f"{GIGABYTES:g} GB"
        print(
            f"{name}: {found['all']:.0f} s, {outside:.1%} of it outside of the network, peak "
            f"{found['peak']:.2f} GB (mark {mark}); {parts}",
            flush=True,
        )
    sys.exit(missed)


if __name__ == "__main__":
    main()
