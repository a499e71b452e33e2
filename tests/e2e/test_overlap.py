"""Overlapping classes through the whole line: what is inside something else is found as both."""

import csv
from pathlib import Path

import cv2
import numpy as np
import yaml

from raytrain.config.target import layer
from raytrain.data.phantom import draw_patient
from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir
from tests.commands import raytrain
from tests.support import ledger_in

CLASSES = ("background", "heart", "left", "cavity")
LABELS = ((1, 2, 3), (2, 3), (3,))
"""The drawn labels that make up each class: the left ventricle lies in the heart, its cavity in
both."""


def _draw(data: Path) -> None:
    """Two images a patient, 12 patients to train on and 2 to test; a mask file a class."""
    for number in range(1, 29):
        image, mask = draw_patient(0, (number + 1) // 2)[(number + 1) % 2]
        split = "train" if number <= 24 else "test"
        files = {f"{split}/image/scan{number}.png": image}
        if split == "train":
            for name, labels in zip(CLASSES[1:], LABELS, strict=True):
                inside = np.isin(mask, labels).astype(np.uint8) * 255
                files[f"train/mask/scan{number}_{name}.png"] = inside
        for path, array in files.items():
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(data / path), array)


def test_overlapping_classes_are_learnt_and_submitted(tmp_path: Path) -> None:
    _draw(tmp_path / "data")
    job = {
        "competition": {
            "name": "nested",
            "data": str(tmp_path / "data"),
            "format": {"mask": "{split}/mask/{name}_{class}.png"},
            "splits": {"val": None},
            "classes": list(CLASSES),
            "target": "multi_label",
            "group": "(N+1)//2",
        },
        "trial": {
            "model": {"name": "unet", "width": 8, "depth": 3}, "epochs": 1, "batch_size": 4,
            "optimizer": {"lr": 6e-3}, "augmentation": "none",
            "loss": [{"name": "bce_with_logits"}, {"name": "dice"}],
        },
        "search": {"trials": 1, "scheduler": {"name": "none"}},
        "folds": {"count": 2},
        "cv": {"candidates": 1},
        "finalize": {"epochs": 25},
        "storage": str(tmp_path / "runs"),
    }  # fmt: skip
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    env = {"RAYTRAIN_CACHE": str(tmp_path / "cache")}
    done = raytrain("run", tmp_path / "job.yaml", "--local", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "runs/nested/default"
    assert read_json(run / "final/ensemble.json")["oof"]["dice"] > 0.6
    with (run / "final/submission.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [row[0] for row in rows] == [
        f"scan{n}_mask{k}" for n in range(25, 29) for k in (1, 2, 3)
    ]
    both = 0
    for number in range(25, 29):
        mask = cv2.imread(str(run / f"final/masks/scan{number}.png"), cv2.IMREAD_UNCHANGED)
        heart, cavity = (layer(mask, k, "multi_label") for k in (1, 3))
        both += int((heart & cavity).sum())
    assert both > 100
    assert (run / "report.html").is_file()
    done = raytrain("check", tmp_path / "job.yaml", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run / "contact_sheet.png").is_file()
    _reproduce(tmp_path / "job.yaml", run, env)


def _reproduce(job: Path, run: Path, env: dict[str, str]) -> None:
    """The CSV comes again from the record; what is no longer what it was is told."""
    ledger = ledger_in(RunDir(run))
    [event] = ledger.read()
    again = raytrain("reproduce", event.tag, job, env=env)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout == f"{event.tag}: the CSV is the same, 12 rows, SHA-256 {event.sha256}\n"
    lost = raytrain("reproduce", "1234", job, env=env)
    assert (lost.returncode, lost.stdout) == (1, "")
    assert f"1234: not in {ledger}; give one of {event.tag}" in lost.stderr
    assert event.sha256 is not None
    ledger.path.write_text(ledger.path.read_text().replace(event.sha256, "0" * 64))
    csv_path = ledger.path.with_name(f"{event.tag}.csv")
    before = csv_path.read_text().splitlines(keepends=True)
    csv_path.write_text("".join([*before[:2], "scan25_mask2,\n", *before[3:]]))
    wrong = raytrain("reproduce", event.tag, job, env=env)
    assert wrong.returncode == 1
    left = sum(int(length) for length in before[2].split(",")[1].split()[1::2])
    assert f"{left} px differ in 1 of 12 masks" in wrong.stderr
    [checkpoint] = run.glob(
        read_json(run / "final/ensemble.json")["candidates"][0]["networks"][0]["checkpoint"]
    )
    checkpoint.unlink()
    gone = raytrain("reproduce", event.tag, job, env=env)
    assert f"{checkpoint} is missing" in gone.stderr
