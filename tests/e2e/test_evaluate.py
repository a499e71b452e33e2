"""`raytrain evaluate`: the truth of test images is scored once, and used for no choice."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from raytrain.data.decode import decode_mask
from tests.commands import raytrain
from tests.support import run_folder, write_job


@pytest.mark.slow
def test_the_truth_of_test_images_is_scored_and_changes_nothing(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "blind", search={"trials": 2}, finalize={"epochs": 1})
    done = raytrain("run", job, "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(line.startswith("test: ") for line in done.stdout.splitlines())
    shutil.copytree(tmp_path / "truth", tmp_path / "data" / "test" / "mask")
    known = raytrain("run", job, "--local", "--set", f"storage={tmp_path / 'known'}")
    assert known.returncode == 0, known.stdout + known.stderr
    blind, seen = run_folder(tmp_path / "blind"), run_folder(tmp_path / "known")
    csvs = [(run / "final" / "submission.csv").read_bytes() for run in (blind, seen)]
    assert csvs[0] == csvs[1]
    scores = [
        json.loads((run / "final" / "ensemble.json").read_text())["oof"] for run in (blind, seen)
    ]
    assert scores[0] == scores[1]
    truths = sorted((tmp_path / "truth").glob("*_mask.png"))
    assert f"test: {len(truths)} images" in known.stdout
    rows = list(csv.DictReader((seen / "final" / "evaluation.csv").read_text().splitlines()))
    (of_rv,) = [row for row in rows if (row["set"], row["class"]) == ("test", "rv")]
    masks = [seen / "final" / "masks" / path.name.replace("_mask", "") for path in truths]
    dice = []
    for mask, truth in zip(masks, truths, strict=True):
        ours, theirs = decode_mask(mask) == 1, decode_mask(truth) == 1
        dice.append(2 * (ours & theirs).sum() / max(1, ours.sum() + theirs.sum()))
    assert float(of_rv["dice"]) == pytest.approx(np.mean(dice), abs=1e-5)
    assert 'id="evaluation"' in (seen / "report.html").read_text()
    assert of_rv["as rv"].isdigit()
    # Without a truth of test images, those of train and val are scored out of fold.
    alone = raytrain("evaluate", job)
    assert alone.returncode == 0, alone.stderr
    assert "train, out of fold: " in alone.stdout
    assert "val, out of fold: " in alone.stdout
    wrong = raytrain("evaluate", "--masks", tmp_path)
    assert wrong.returncode == 2
