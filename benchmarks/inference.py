"""How fast an ensemble predicts test images: `python -m benchmarks.inference`.

Ratios in one run, medians of alternating pairs, one process and one thread: two U-Nets, and 40
images of 96x96.
(a) our ensemble against a plain loop over the members and their batches, with the same networks
    and batches; mark .97 of its speed;
(b) our ensemble with the RLE of its masks against a naive script: each member decodes every image
    file and predicts it alone, and a Python loop over the pixels writes the runs;
(c) views of test-time augmentation against as many predictions without, with windows of 160x160;
    mark 1.05 times their time.
Exit code 1 when a mark is missed.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.rle import looped
from benchmarks.timing import median_ratio
from raytrain.config.competition import CompetitionSpec
from raytrain.config.dialects import DIALECTS
from raytrain.config.framing import ResizeSpec
from raytrain.config.models import UNetSpec
from raytrain.config.predict import ViewGroup
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache, open_cache
from raytrain.data.checks import inspect
from raytrain.data.framing import Frame
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import DataReport
from raytrain.data.samples import SampleFiles
from raytrain.engine.checkpoint import save_weights
from raytrain.engine.predictor import load_network, predicted, read_card
from raytrain.engine.views import IDENTITY, View, views_of
from raytrain.ensemble.prediction import load_share, mean_strips
from raytrain.ensemble.shares import NetworkShare
from raytrain.metrics.decide import mask_of_strips
from raytrain.models import build_model
from raytrain.rle import encode_numbers

SPEED, VIEW_TIME = 0.97, 1.05
MEMBERS, BATCH, IMAGES = 2, 8, 40
CLASSES = ("bg", "rv", "myo", "lv")
SPEC = TrialSpec(model=UNetSpec(width=8), batch_size=BATCH)
WINDOWS = ResizeSpec(height=160, width=160)
"""Scaled views have sides that are multiples of 32 pixels, so of 96x96 they would have 1.11 times
the pixels."""
TOGETHER: tuple[tuple[ViewGroup, ...], ...] = (
    ("hflip", "vflip"),
    ("turns",),
    ("shifts",),
    ("scales",),
)
"""Groups of views that are timed together."""


@dataclass(frozen=True)
class Setting:
    """The images, and the members' checkpoints."""

    report: DataReport
    cache: Cache
    ids: tuple[str, ...]
    checkpoints: list[Path]


def setting(folder: Path) -> Setting:
    """Return test images of the phantom, and members with random weights."""
    data = folder / "data"
    write_phantom(data, folder / "truth", PhantomSplit(train=2, val=1, test=IMAGES // 2), 0)
    report = inspect(CompetitionSpec(name="bench", data=str(data), classes=CLASSES))
    facts, checkpoints = report.splits["train"], []
    card = {
        "spec": SPEC.model_dump(mode="json"), "classes": CLASSES, "target": report.target,
        "channels": 1, "dtype": report.dtype, "size": report.largest,
        "scaling": {"mean": facts.mean, "std": facts.std, "per_image": False},
    }  # fmt: skip
    for seed in range(MEMBERS):
        torch.manual_seed(seed)
        state = build_model(SPEC.model, 1, len(CLASSES), None).state_dict()
        checkpoints.append(folder / f"{seed}.pt")
        save_weights(checkpoints[-1], {"epoch": 1, "model": state}, card)
    ids = report.ids("test")
    assert len(ids) == IMAGES
    return Setting(report, open_cache(report), ids, checkpoints)


def our_masks(of: Setting) -> list[np.ndarray]:
    networks = [load_share(NetworkShare(path, (IDENTITY,), 1)) for path in of.checkpoints]
    strips = mean_strips(networks, of.cache, of.cache.rows(of.ids))
    sizes = [shape_KHW[1:] for shape_KHW in of.report.map_shapes(of.ids)]
    return [
        mask_of_strips(of_image, size_HW, "single_label")
        for of_image, size_HW in zip(strips, sizes, strict=True)
    ]


# --- (a) the plain loop --------------------------------------------------------------------------
@torch.inference_mode()
def plain_masks(of: Setting) -> list[np.ndarray]:
    facts = of.report.splits["train"]
    mean, std = (torch.tensor(values) for values in (facts.mean, facts.std))
    rows, sums = of.cache.rows(of.ids), []
    for path in of.checkpoints:
        network = load_network(path)
        for number, start in enumerate(range(0, len(rows), BATCH)):
            images = np.stack([of.cache.image(row) for row in rows[start : start + BATCH]])
            image_BCHW = ((torch.from_numpy(images).float() - mean) / std).permute(0, 3, 1, 2)
            prob_BKHW = network(image_BCHW).softmax(1)
            if path == of.checkpoints[0]:
                sums.append(prob_BKHW)
            else:
                sums[number] += prob_BKHW
    return [mask.to(torch.uint8).numpy() for prob in sums for mask in prob.argmax(1)]


# --- (b) the naive script ------------------------------------------------------------------------
@torch.inference_mode()
def naive_rows(of: Setting) -> list[list[str]]:
    facts, files = of.report.splits["train"], SampleFiles(of.report)
    sums: dict[str, torch.Tensor] = {}
    for path in of.checkpoints:
        network = load_network(path).to(memory_format=torch.contiguous_format)
        for id in of.ids:
            image = torch.from_numpy(np.array(files.image(id))).permute(2, 0, 1).float()
            image_BCHW = ((image - facts.mean[0]) / facts.std[0])[None]
            prob_KHW = network(image_BCHW).softmax(1)[0]
            sums[id] = sums[id] + prob_KHW if id in sums else prob_KHW
    return [looped(prob_KHW.argmax(0).numpy().astype(np.uint8)) for prob_KHW in sums.values()]


def our_rows(of: Setting) -> list[list[str]]:
    rules = DIALECTS["cardiac"]
    return [encode_numbers(mask, len(CLASSES) - 1, rules) for mask in our_masks(of)]


# --- (c) views -----------------------------------------------------------------------------------
def view_time(of: Setting, views: tuple[View, ...], pairs: int) -> float:
    """Return the time of these views, in one prediction, over that of as many plain ones."""
    path, rows = of.checkpoints[0], of.cache.rows(of.ids)
    network, card, frame = load_network(path), read_card(path), Frame(WINDOWS, of.cache.largest)

    def predict(views: tuple[View, ...]) -> None:
        for _ in predicted(network, card, of.cache, rows, frame, views):
            pass

    def plain() -> None:
        for _ in views:
            predict((IDENTITY,))

    return median_ratio(plain, lambda: predict(views), pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="alternating pairs, 3 at least")
    pairs = max(3, parser.parse_args().pairs)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        of = setting(Path(folder))
        # The warm-up, too: all ways give the same masks, but for the last bits of probabilities.
        assert np.mean(np.stack(our_masks(of)) == np.stack(plain_masks(of))) > 0.999
        ours, naive = (np.array(rows(of)) for rows in (our_rows, naive_rows))
        assert ours.shape == naive.shape
        print(f"CPU, 1 thread, {MEMBERS} U-Nets of width 8, {IMAGES} images 96x96, batch {BATCH}, "
              f"medians of {pairs} pairs")  # fmt: skip
        speed = median_ratio(lambda: our_masks(of), lambda: plain_masks(of), pairs)
        print(f"(a) ours / plain loop:   {speed:.3f} of its speed (mark {SPEED})")
        factor = median_ratio(lambda: our_rows(of), lambda: naive_rows(of), 3)
        print(f"(b) ours / naive script: {factor:.2f} of its speed")
        missed = speed < SPEED
        for groups in TOGETHER:
            taken = view_time(of, views_of(groups)[1:], pairs)
            missed |= taken > VIEW_TIME
            print(f"(c) {', '.join(groups)}: a view / a pass: {taken:.3f} of its time "
                  f"(mark {VIEW_TIME})")  # fmt: skip
    sys.exit(missed)


if __name__ == "__main__":
    main()
