"""From a folder of unknown layout to a checked CSV: two commands and at most one question."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from raytrain.pipeline.hidden_test import predict_hidden
from raytrain.pipeline.notebook import NOTEBOOK
from raytrain.runs.files import read_json
from tests.commands import raytrain
from tests.layouts.draw import LAYOUTS, draw
from tests.support import SHORT, run_folder, write_shortest

QUICK = (
    "trial.augmentation=none", "search.trials=1", "search.space={}", "folds=none",
    "trial.model={name: pixels_forest, trees: 4, leaves: 32, pixels: 500, scales: [1]}",
)  # fmt: skip
OVERLAP = (
    "trial.epochs=20", "trial.model={name: unet, width: 4, depth: 1}", "trial.optimizer.lr=0.03",
    *QUICK[:-1],
)  # fmt: skip
"""Classifiers of pixels give one class to each pixel, so a small network is trained."""
ASKED = {"membranes", "voc", "colors", "camvid", "coco"}
"""Layouts without a sample submission: only a person knows what the CSV looks like."""
ALONG_ROWS = {"cars", "scans"}
"""Layouts whose tables have runs along the rows; all others run down the columns."""
HIDDEN = {"nuclei", "membranes", "salt"}
"""Layouts of test images for a notebook: a folder for each image, a stack, and one folder."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_commands_lead_to_the_csv(layout: str, tmp_path: Path) -> None:
    draw(layout, tmp_path / "data" / layout)
    job = tmp_path / "job.yaml"
    begun = raytrain("init", tmp_path / "data" / layout, "--out", job)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    assert job.read_text().count("QUESTION") == (layout in ASKED)
    assert begun.stdout.count("only a person") == (layout in ASKED)
    given = OVERLAP if layout == "scans" else QUICK
    words = [word for each in (*given, f"storage={tmp_path}") for word in ("--set", each)]
    done = raytrain("run", job, "--local", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_csv_is_the_masks(layout, tmp_path / layout / "default" / "final", job)
    if layout in HIDDEN:
        assert_a_notebook_writes_the_csv(tmp_path / layout / "default", tmp_path / "data")
    if layout == "voc":  # lists say which images of one folder are labeled
        made = raytrain("bundle", tmp_path / layout / "default", "--notebook")
        assert "share a folder: set IMAGES in its first cell" in made.stdout


def assert_csv_is_the_masks(layout: str, final: Path, job: Path) -> None:
    """Compare the CSV with the mask files, by a reader that knows nothing of raytrain."""
    tree = yaml.safe_load(job.read_text())["competition"]
    classes, overlap = tree["classes"], tree.get("target") == "multi_label"
    masks = {path.stem: np.asarray(Image.open(path)) for path in (final / "masks").glob("*.png")}
    read: dict[tuple[str, int], np.ndarray] = {}
    for name, number, cell in rows_of(final / "submission.csv", classes):
        mask_HW = read.setdefault((name, number), np.zeros(masks[name].shape, bool))
        order = "C" if layout in ALONG_ROWS else "F"
        flat = np.zeros(mask_HW.size, bool)
        numbers = [int(word) for word in cell.split()]
        for start, length in zip(numbers[::2], numbers[1::2], strict=True):
            flat[start - 1 : start - 1 + length] = True
        mask_HW |= flat.reshape(mask_HW.shape, order=order)  # type: ignore[call-overload]
    assert len(read) == len(masks) * len({number for _, number in read})
    for (name, number), mask_HW in read.items():
        own = masks[name] >> (number - 1) & 1 if overlap else masks[name] == number
        np.testing.assert_array_equal(mask_HW, own != 0, err_msg=f"{name}, class {number}")
    assert any(mask_HW.any() and not mask_HW.all() for mask_HW in read.values())


def assert_a_notebook_writes_the_csv(run: Path, data: Path) -> None:
    """The notebook's own first cell names the test images of this layout, and no others."""
    made = raytrain("bundle", run, "--out", data / "bundle", "--notebook")
    assert made.returncode == 0, made.stdout + made.stderr
    settings = read_json(data / "bundle" / NOTEBOOK)["cells"][1]["source"]
    names: dict[str, Any] = {}
    exec(settings.replace("/kaggle/input", str(data)), names)
    predict_hidden(names["IMAGES"], data / "bundle", data / "hidden.csv")
    csvs = (data / "hidden.csv", run / "final" / "submission.csv")
    hidden, own = (sorted(path.read_text().splitlines()) for path in csvs)
    assert hidden == own
    predict_hidden(data / "no" / "*.png", data / "bundle", data / "hidden.csv")
    header = (data / "hidden.csv").read_text()
    assert header == csvs[1].read_text().splitlines(keepends=True)[0]


def rows_of(path: Path, classes: list[str]) -> Iterator[tuple[str, int, str]]:
    """Yield image, class number and runs of each row, however the id names them."""
    for id, *between, cell in list(csv.reader(path.read_text().splitlines()))[1:]:
        name, number = id.removesuffix(".jpg"), 1
        if between:
            number = classes.index(between[0])
        elif len(classes) > 2:
            name, _, word = id.rpartition("_")
            name, number = name.removesuffix(".jpg"), int(word.removeprefix("mask"))
        yield name, number, cell


def test_data_and_classes_are_enough(tmp_path: Path) -> None:
    done = raytrain("run", write_shortest(tmp_path), "--local", *SHORT)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = run_folder(tmp_path / "runs").joinpath("final/submission.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 3
