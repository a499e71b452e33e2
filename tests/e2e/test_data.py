"""A competition as it comes: a zip with images of several sizes and a CSV of runs, to a CSV."""

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import yaml

from raytrain.config.dialects import DIALECTS
from raytrain.data.phantom import draw_patient
from raytrain.rle import decode, encode
from tests.commands import raytrain

SIZES = [(96, 96), (64, 80), (96, 48)]
DIALECT = DIALECTS["cardiac"]


def _pack(archive: Path) -> dict[str, tuple[int, int]]:
    """scan1 .. scan18 of three sizes, the first 14 with runs in a table; name -> size."""
    sizes = {}
    rows = ["image,organ,runs"]
    with zipfile.ZipFile(archive, "w") as opened:
        for number in range(1, 19):
            image, mask = draw_patient(0, (number + 1) // 2)[(number + 1) % 2]
            height, width = SIZES[number % 3]
            name, image, mask = f"scan{number}", image[:height, :width], mask[:height, :width]
            sizes[name] = (height, width)
            opened.writestr(f"scans/{name}.png", cv2.imencode(".png", image)[1].tobytes())
            if number <= 14:
                rows += [
                    f"{name},rv,{encode(mask == 1, DIALECT)}",
                    f"{name},heart,{encode(mask == 2, DIALECT)}",
                    f"{name},3,{encode(mask == 3, DIALECT)}",
                ]
        opened.writestr("runs.csv", "\n".join([*rows, ""]))
    return sizes


def test_a_zip_of_several_sizes_with_runs_becomes_a_submission(tmp_path: Path) -> None:
    sizes = _pack(tmp_path / "heart.zip")
    job = {
        "competition": {
            "name": "heart",
            "data": str(tmp_path / "heart.zip"),
            "format": {
                "name": "rle_table", "image": "scans/{name}.png", "table": "runs.csv",
                "dialect": "hubmap_hpa_2022", "columns": ["image", "organ", "runs"],
                "class_column": "organ",
            },
            "splits": {"name": "ranges", "train": "1-14", "test": "15-18"},
            "classes": ["background", "rv", "heart", "lv"],
            "group": "(N+1)//2",
        },
        "trial": {
            "model": {"name": "unet", "width": 4, "depth": 2}, "epochs": 2, "batch_size": 4,
            "framing": {"name": "tiles", "height": 48, "width": 48},
            "augmentation": ["flips", {"name": "RandomRotate90"}],
        },
        "search": {"trials": 2, "scheduler": {"name": "none"},
                   "space": {"optimizer.lr": {"choice": [1e-2, 3e-3]}}},
        "folds": {"count": 2},
        "cv": {"candidates": 1},
        "storage": str(tmp_path / "runs"),
    }  # fmt: skip
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    env = {"RAYTRAIN_CACHE": str(tmp_path / "cache")}
    done = raytrain("run", tmp_path / "job.yaml", "--local", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 80x64" in done.stdout
    run = tmp_path / "runs/heart/default"
    with (run / "final/submission.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", "encoding"]
    names = [f"scan{number}" for number in range(15, 19)]
    assert [row[0] for row in rows] == [f"{name}_mask{k}" for name in names for k in (1, 2, 3)]
    for id, text in rows:
        name, _, number = id.partition("_mask")
        mask = cv2.imread(str(run / f"final/masks/{name}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == sizes[name]
        decoded = decode(text, sizes[name], DIALECT)
        np.testing.assert_array_equal(decoded, mask == int(number))
    assert (run / "report.html").is_file()
    assert list((tmp_path / "cache/sources").glob("*/scans/scan1.png"))
