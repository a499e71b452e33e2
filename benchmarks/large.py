"""What large and many images cost in prediction: `python -m benchmarks.large`.

Each set is predicted by `raytrain predict` in a process of its own, with three classes and 8-bit
gray images; the masks are read back and written as a CSV. One thread; seconds are CPU time.
(a) one TIFF of 20,000 x 20,000 pixels, and 200 TIFFs of 4,096 x 4,096, with a U-Net of width 2 in
    tiles: the peak memory of the process; mark 4 GB;
(b) 18,000 PNGs of 101 x 101 pixels, with a U-Net on ResNet-34: the share of the time that is not
    the network's (reading, framing, encoding, writing); mark 15 %.
`--sets huge` (or squares, many) runs one of them. Exit code 1 when a mark is missed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

from raytrain.config.competition import SubmissionSpec
from raytrain.config.framing import FramingSpec, PadSpec, TilesSpec
from raytrain.config.models import ModelSpec, SmpSpec, UNetSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.decode import decode_mask
from raytrain.engine import predictor
from raytrain.engine.checkpoint import save_weights
from raytrain.models import build_model
from raytrain.pipeline.predict_new import predict_new
from raytrain.submission.table import build_table, write_table

GIGABYTES, SHARE = 4.0, 0.15
CLASSES = ("bg", "cell", "nucleus")
TILES = TilesSpec(height=256, width=256)
SMALL = UNetSpec(width=2, depth=2)
SETS: dict[str, tuple[ModelSpec, FramingSpec, int]] = {
    "huge": (SMALL, TILES, 256),
    "squares": (SMALL, TILES, 256),
    "many": (SmpSpec(decoder="unet", encoder="resnet34"), PadSpec(), 128),
}
"""Set -> network, framing, and side of a window."""


def textured(side: int, seed: int) -> np.ndarray:
    """Return image_HW (uint8) with blobs of many sizes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (side // 16 + 1, side // 16 + 1), dtype=np.uint8)
    image_HW = coarse.repeat(16, 0).repeat(16, 1)[:side, :side]
    return image_HW + rng.integers(0, 50, (side, side), dtype=np.uint8)


def draw(name: str, folder: Path) -> None:
    """Write the images of a set."""
    if name == "huge":
        tifffile.imwrite(folder / "huge.tif", textured(20_000, 0))
    elif name == "squares":
        tifffile.imwrite(folder / "0.tif", textured(4_096, 0))
        for number in range(1, 200):
            os.link(folder / "0.tif", folder / f"{number}.tif")
    else:
        for number in range(18_000):
            Image.fromarray(textured(101, number)).save(folder / f"{number}.png")


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


def predict(checkpoint: Path, images: Path, out: Path) -> None:
    """Predict and print: seconds, share outside of the network, peak memory in GB."""
    torch.set_num_threads(1)
    spent: list[float] = []
    predictor.forward = timed(predictor.forward, spent)
    start = time.process_time()
    predict_new([str(images)], checkpoint, out, (), trust=False)
    dialect = SubmissionSpec(dialect="cardiac", id="{name}_{class}")
    masks = ((path.stem, decode_mask(path)) for path in sorted(out.glob("*.png")))
    write_table(out / "x.csv", build_table(masks, CLASSES, dialect, "single_label"), dialect)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(seconds, 1 - sum(spent) / seconds, peak)


def measured(name: str, folder: Path) -> tuple[float, ...]:
    """Return what `predict` prints, from a process of its own."""
    images, checkpoint = folder / "images", folder / "network.pt"
    images.mkdir()
    draw(name, images)
    save_network(name, checkpoint)
    command = [sys.executable, "-m", "benchmarks.large", "--child", str(folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(map(float, text.split()[-3:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder = options.child
        predict(folder / "network.pt", folder / "images", folder / "out")
        return
    missed = False
    for name in options.sets:
        with tempfile.TemporaryDirectory() as folder:
            seconds, share, peak = measured(name, Path(folder))
        missed |= share > SHARE if name == "many" else peak > GIGABYTES
        print(
            f"{name}: {seconds:.0f} s, {share:.1%} of it outside of the network, peak {peak:.2f} GB"
            f" (mark {f'{SHARE:.0%}' if name == 'many' else f'{GIGABYTES:g} GB'})",
            flush=True,
        )
    sys.exit(missed)


if __name__ == "__main__":
    main()
