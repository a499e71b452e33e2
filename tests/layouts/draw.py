"""The layouts by name, and a command that draws them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.layouts import kaggle, research
from tests.layouts.scene import Masks


@dataclass(frozen=True)
class Layout:
    """One folder, and what a person knows about it."""

    draw: Callable[[Path, np.random.Generator], Masks]
    """(folder, generator) -> the masks of the labeled images."""
    classes: tuple[str, ...]
    sample: str | None = None
    """The sample submission in the folder."""


DEFECTS = ("background", "1", "2", "3", "4")
LAYOUTS: dict[str, Layout] = {
    "nuclei": Layout(kaggle.draw_nuclei, ("background", "nucleus"), "stage1_sample_submission.csv"),
    "membranes": Layout(research.draw_membranes, ("inside", "membrane")),
    "salt": Layout(kaggle.draw_salt, ("background", "salt"), "sample_submission.csv"),
    "steel": Layout(kaggle.draw_steel, DEFECTS, "sample_submission.csv"),
    "cars": Layout(kaggle.draw_cars, ("background", "car"), "sample_submission.csv"),
    "scans": Layout(kaggle.draw_scans, ("background", *kaggle.ORGANS), "sample_submission.csv"),
    "voc": Layout(research.draw_voc, ("background", "aeroplane", "bicycle")),
    "colors": Layout(research.draw_colors, ("background", "scratch", "dent")),
    "camvid": Layout(research.draw_camvid, ("Sky", "Car", "Tree")),
    "coco": Layout(research.draw_coco, ("background", "cell", "box")),
}


def draw(name: str, root: Path, seed: int = 0) -> Masks:
    """Draw a layout into an empty folder; returns the masks of its labeled images by name."""
    return LAYOUTS[name].draw(root, np.random.default_rng([seed, *name.encode()]))


if __name__ == "__main__":
    for each in sys.argv[2:] or LAYOUTS:
        draw(each, Path(sys.argv[1]) / each)
