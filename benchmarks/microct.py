"""Neuro micro-CT slices like source system D's, drawn: `python -m benchmarks.microct FOLDER`.

The data of system D is not public. These slices have its format and statistics, so that its studies
run: stacks `trainimages.npy` and `trainlabels.npy`, likewise val and test, uint8, N x 256 x 256.
Labels are 0 background, 1 blood vessel, 2 cell, 3 axon, with about 56, 4, 6 and 34 % of the pixels
(rows D1 and D2); gray values have a mean of about 123 and a standard deviation of about 31.

Gray values overlap, as in the source, where a logistic regression on them stays under a macro F1 of
.6: axons are bundles of parallel fibers, vessels are dark tubes with a bright wall, cells are discs
with a dark rim, and the background has patches of the same grays. So shape and texture decide.
(seed, number) determines every pixel of a slice.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

SIDE = 256
COUNTS = {"train": 1076, "val": 116, "test": 200}
VESSEL, CELL, AXON = 1, 2, 3
SHARES = {VESSEL: 0.035, CELL: 0.060, AXON: 0.345}
"""Mean share of the pixels; the share of a slice varies around it."""
MEAN, SD = 123.0, 31.0


def draw_slice(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (image_HW uint8, mask_HW uint8) of one slice."""
    rng = np.random.default_rng([seed, number])
    share = {each: mean * rng.uniform(0.6, 1.4) for each, mean in SHARES.items()}
    mask = np.zeros((SIDE, SIDE), np.uint8)
    regions = _smooth(rng, 24)
    mask[regions > np.quantile(regions, 1 - share[AXON] * 1.11)] = AXON  # others cover a part
    gray = 0.55 * _smooth(rng, 10) + 0.35 * _smooth(rng, 3)
    fibers = mask == AXON
    gray[fibers] = _fibers(rng)[fibers] + 0.25 * gray[fibers]
    while (mask == VESSEL).mean() < share[VESSEL]:
        _draw_vessel(rng, gray, mask)
    while (mask == CELL).mean() < share[CELL]:
        _draw_cell(rng, gray, mask)
    gray = cv2.GaussianBlur(gray, (0, 0), 0.8) + rng.normal(0, 0.35, gray.shape)
    gray = (gray - gray.mean()) / gray.std()
    return np.clip(MEAN + SD * gray, 0, 255).round().astype(np.uint8), mask


def _smooth(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Return SIDE x SIDE smooth noise of mean 0 and standard deviation 1."""
    noise = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)), (0, 0), sigma)
    return (noise - noise.mean()) / noise.std()


def _fibers(rng: np.random.Generator) -> np.ndarray:
    """Return stripes of about 6 px that bend slowly."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle = rng.uniform(0, np.pi)
    along = columns * np.cos(angle) + rows * np.sin(angle) + 7 * _smooth(rng, 20)
    return 1.1 * np.sin(2 * np.pi * along / rng.uniform(5, 7)) + 0.9


def _draw_vessel(rng: np.random.Generator, gray: np.ndarray, mask: np.ndarray) -> None:
    """Draw a bent tube from one place to another."""
    start, end = rng.uniform(0, SIDE, (2, 2))
    middle = (start + end) / 2 + rng.normal(0, 30, 2)
    t = np.linspace(0, 1, 40)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    width, points = int(rng.integers(4, 9)), [curve.round().astype(np.int32)]
    cv2.polylines(mask, points, False, VESSEL, width)
    cv2.polylines(gray, points, False, 1.0, width)
    cv2.polylines(gray, points, False, -1.6, max(1, width - 3))


def _draw_cell(rng: np.random.Generator, gray: np.ndarray, mask: np.ndarray) -> None:
    """Draw a filled ellipse with a rim."""
    x, y = (int(each) for each in rng.integers(0, SIDE, 2))
    axes = int(rng.integers(5, 11)), int(rng.integers(5, 11))
    ellipse = (x, y), axes, float(rng.uniform(0, 180)), 0, 360
    cv2.ellipse(mask, *ellipse, CELL, -1)
    cv2.ellipse(gray, *ellipse, float(rng.uniform(1.2, 2.2)), -1)
    cv2.ellipse(gray, *ellipse, -1.0, 1)


def main() -> None:
    """Write the stacks and print their statistics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="Share of the slices to draw.")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True)
    for seed, (split, count) in enumerate(COUNTS.items()):
        drawn = [draw_slice(seed, number) for number in range(max(1, round(count * asked.share)))]
        images_NHW, masks_NHW = (np.stack(each) for each in zip(*drawn, strict=True))
        np.save(asked.folder / f"{split}images.npy", images_NHW)
        np.save(asked.folder / f"{split}labels.npy", masks_NHW)
        shares = np.bincount(masks_NHW.ravel(), minlength=4) / masks_NHW.size
        print(
            f"{split}: {len(images_NHW)} slices, mean {images_NHW.mean():.2f}, sd "
            f"{images_NHW.std():.2f}; shares {', '.join(f'{each:.3f}' for each in shares)}"
        )


if __name__ == "__main__":
    main()
