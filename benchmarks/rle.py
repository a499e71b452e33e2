"""How fast masks become text: `python -m benchmarks.rle`.

Ratios in one run, medians of alternating pairs, one thread, all classes of a label image at once:
(a) our pairs against a Python loop over the pixels of each class's mask;
(b) our COCO strings against pycocotools on each class's mask, at least 1 x at every size;
(c) the cardiac competition's CSV of 240 rows, from 80 label images to the file; mark 100 ms.
Exit code 1 when a mark is missed.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from benchmarks.timing import median_ratio, seconds
from raytrain.config.competition import SubmissionSpec
from raytrain.config.dialects import DIALECTS, Dialect
from raytrain.data.phantom import draw_patient
from raytrain.rle import encode_numbers
from raytrain.submission.table import build_table, write_table

SIZES = (96, 128, 256, 512, 2048)
CLASSES = ("background", "rv", "myo", "lv")
PAIRS, COCO = DIALECTS["cardiac"], Dialect(layout="coco")
MARK_S = 0.100


def label_image(size: int) -> np.ndarray:
    """A ring around a disc and a disc beside them (H, W), uint8 0 .. 3."""
    label_HW = np.zeros((size, size), np.uint8)
    cv2.circle(label_HW, (size // 4, size // 2), size // 6, 1, -1)
    cv2.circle(label_HW, (size * 5 // 8, size // 2), size // 4, 2, -1)
    cv2.circle(label_HW, (size * 5 // 8, size // 2), size // 6, 3, -1)
    return label_HW


def pixel_loop(mask_HW: np.ndarray) -> str:
    """The pairs of one mask, a pixel after the other."""
    words: list[int] = []
    previous = 0
    for place, here in enumerate(mask_HW.T.ravel().tolist(), 1):
        if here and not previous:
            words += [place, 0]
        if here:
            words[-1] += 1
        previous = here
    return " ".join(map(str, words))


def looped(label_HW: np.ndarray) -> list[str]:
    return [pixel_loop(label_HW == k) for k in range(1, len(CLASSES))]


def by_pycocotools(label_HW: np.ndarray) -> list[str]:
    masks = [np.asfortranarray(label_HW == k, np.uint8) for k in range(1, len(CLASSES))]
    return [coco_mask.encode(mask_HW)["counts"].decode() for mask_HW in masks]


def against(
    label_HW: np.ndarray, rules: Dialect, other: Callable[[np.ndarray], list[str]], pairs: int
) -> float:
    """The other's time over ours, after both have written the same."""
    assert encode_numbers(label_HW, len(CLASSES) - 1, rules) == other(label_HW)
    return median_ratio(
        lambda: encode_numbers(label_HW, len(CLASSES) - 1, rules), lambda: other(label_HW), pairs
    )


def cardiac_seconds(folder: Path, rounds: int) -> float:
    """From 80 label images to the CSV of 240 rows."""
    patients = [slices for number in range(40) for slices in draw_patient(0, number)]
    named = [(f"cmr{number}", mask_HW) for number, (_, mask_HW) in enumerate(patients, 121)]
    spec = SubmissionSpec(dialect="cardiac")
    rows = build_table(named, CLASSES, spec, "single_label")
    assert len(rows) == 240, len(rows)

    def write() -> None:
        write_table(
            folder / "submission.csv", build_table(named, CLASSES, spec, "single_label"), spec
        )

    return statistics.median(seconds(write) for _ in range(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=7, help="alternating pairs, 3 at least")
    pairs = max(3, parser.parse_args().pairs)
    cv2.setNumThreads(1)
    print(f"CPU, 1 thread, label images of 3 classes in one pass, medians of {pairs} pairs")
    for size in SIZES:
        label_HW = label_image(size)
        print(f"(a) {size:4} x {size:4}: {against(label_HW, PAIRS, looped, pairs):7.1f} x a loop")
    missed = False
    for size in SIZES:
        ratio = against(label_image(size), COCO, by_pycocotools, pairs)
        print(f"(b) {size:4} x {size:4}: {ratio:7.2f} x pycocotools")
        missed |= ratio < 1
    with tempfile.TemporaryDirectory() as folder:
        taken = cardiac_seconds(Path(folder), pairs)
    print(f"(c) cardiac CSV, 240 rows: {taken * 1000:.1f} ms (mark {MARK_S * 1000:.0f})")
    sys.exit(missed or taken > MARK_S)


if __name__ == "__main__":
    main()
