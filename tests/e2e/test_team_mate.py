"""`raytrain ensemble` as a person types it: a teammate's maps change the score and the CSV."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raytrain.config.load import load_job
from raytrain.data.decode import decode_mask
from raytrain.data.folds import Folds
from raytrain.data.report import DataReport, read_report
from raytrain.engine.trial import open_samples
from raytrain.ensemble.prediction import member_probabilities
from raytrain.ensemble.select import select
from raytrain.ensemble.teammates import change
from raytrain.metrics import score
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.pipeline.cv import candidate_recipes
from raytrain.pipeline.evaluate import evaluate
from raytrain.pipeline.finalize import finalize
from raytrain.pipeline.reproduce import reproduce
from raytrain.runs.ensemble import Ensemble
from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.maps import Maps
from raytrain.submission.prepare import missing
from tests.commands import raytrain
from tests.given_maps import nnunet, write_given
from tests.runs import run_of
from tests.support import ledger_in, run_folder, write_job


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `runs.yaml` and a run that is done."""
    folder = tmp_path_factory.mktemp("finished")
    job = write_job(
        folder, folder / "runs", trial={"epochs": 1}, search={"trials": 2},
        finalize={"epochs": 1}, predict={"tta": "none", "steps": "none"},
    )  # fmt: skip
    done = raytrain("run", job, "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def mate(finished: Path) -> dict[str, np.ndarray]:
    """What a team-mate gives, in the folder `anna`."""
    run = RunDir(run_folder(finished / "runs"))
    folds = Folds.model_validate(read_json(run.folds))
    return write_given(finished / "anna", read_report(run.data_report), folds, nnunet, seed=5)


@pytest.fixture(scope="module")
def joined(finished: Path, mate: dict[str, np.ndarray]) -> tuple[Path, str]:
    """The job of a copy of that run which the team-mate joined, and what was printed."""
    shutil.copytree(finished / "runs", finished / "joined")
    text = (finished / "runs.yaml").read_text()
    job = finished / "joined.yaml"
    job.write_text(text.replace(str(finished / "runs"), str(finished / "joined")))
    done = raytrain("ensemble", job, "--add", finished / "anna", "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    return job, done.stdout


def opened(job: Path) -> tuple[RunDir, DataReport, Ensemble]:
    run = RunDir(run_folder(job.with_suffix("")))
    return run, read_report(run.data_report), Ensemble.model_validate(read_json(run.ensemble))


def own_maps(
    run: RunDir, report: DataReport, ensemble: Ensemble
) -> dict[str, tuple[int, list[np.ndarray]]]:
    """Labeled image -> its fold, and the out-of-fold maps of the run's own candidates."""
    folds = Folds.model_validate(read_json(run.folds))
    found = {}
    for fold, ids in enumerate(folds.val_ids):
        files = [run.oof / f"{each.folds[fold]}.npy" for each in ensemble.candidates if each.folds]
        maps = [Maps(path, report.map_shapes(ids)) for path in files]
        found |= {id: (fold, [each[n] for each in maps]) for n, id in enumerate(ids)}
    return found


def dice_of(mask_HW: np.ndarray, truth_HW: np.ndarray) -> float:
    """Mean over the three foreground classes, an absent one that is not predicted being 1."""
    scores = []
    for number in (1, 2, 3):
        ours, theirs = mask_HW == number, truth_HW == number
        size = ours.sum() + theirs.sum()
        scores.append(2 * (ours & theirs).sum() / size if size else 1.0)
    return float(np.mean(scores))


def pixels(text: str, shape: tuple[int, int]) -> np.ndarray:
    """The mask of one CSV cell: pairs of start (from 1, down the columns) and length."""
    flat = np.zeros(shape[0] * shape[1], bool)
    numbers = [int(word) for word in text.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        flat[start - 1 : start - 1 + length] = True
    return flat.reshape(shape, order="F")


def test_the_csv_holds_the_mean_with_the_team_mates_maps(
    finished: Path, joined: tuple[Path, str], mate: dict[str, np.ndarray]
) -> None:
    job, printed = joined
    assert "anna: added 22 out-of-fold maps and 40 test maps" in printed
    assert "P(better than before) = " in printed
    assert ": epoch " not in printed  # nothing is trained again
    first, _, before = opened(finished / "runs.yaml")
    run, report, after = opened(job)
    assert [each.name for each in after.candidates] == [
        *(each.name for each in before.candidates), "anna",
    ]  # fmt: skip
    weights = after.chosen.weights
    assert weights[2] > 0  # the team-mate's maps are better than two networks of one epoch

    # The masks of the CSV are those of the weighted mean.
    assert run.submission.read_bytes() != first.submission.read_bytes()
    cache = open_samples(run).cache
    ids = report.ids("test")
    shapes = report.map_shapes(ids)
    own = [
        list(member_probabilities(run.path / each.networks[0].checkpoint, cache, ids))
        if each.networks
        else [np.zeros(shape) for shape in shapes]
        for each in after.candidates[:2]
    ]
    rows = pd.read_csv(run.submission, keep_default_na=False).set_index("id")["encoding"]
    changed = 0
    for number, (id, (_, height, width)) in enumerate(zip(ids, shapes, strict=True)):
        maps = [own[0][number], own[1][number], mate[id].astype(np.float16)]
        expected_HW = np.average(maps, axis=0, weights=weights).argmax(0)
        changed += int((decode_mask(first.mask(id)) != expected_HW).any())
        for label in (1, 2, 3):
            found = pixels(rows[f"{id}_mask{label}"], (height, width))
            np.testing.assert_array_equal(found, expected_HW == label)
    assert changed == len(ids)

    # And so is the out-of-fold score, that of the mean and that of the team-mate.
    of_mean, of_mate = [], []
    for id, (fold, maps) in own_maps(run, report, after).items():
        truth_HW = cache.mask(int(cache.rows((id,))[0]))
        given = mate[id].astype(np.float16).astype(np.float32)
        mean_KHW = np.average([*maps, given], axis=0, weights=after.nested[fold].weights)
        of_mean.append(dice_of(mean_KHW.argmax(0), truth_HW))
        of_mate.append(dice_of(given.argmax(0), truth_HW))
    assert len(of_mean) == 22
    assert after.oof["score"] == pytest.approx(np.mean(of_mean), rel=1e-12)
    assert after.candidates[2].oof["score"] == pytest.approx(np.mean(of_mate), rel=1e-12)
    assert after.oof["score"] != before.oof["score"]
    kept = read_oof_evidence(run.evidence)
    assert score(kept.metric, kept.evidence) == after.oof["score"]


def test_who_joined_stays_through_runs_until_removed(
    finished: Path, joined: tuple[Path, str]
) -> None:
    job, _ = joined
    run, _, together = opened(job)
    csv = run.submission.read_bytes()
    # What joined does not depend on where it came from.
    (finished / "anna").rename(finished / "gone")
    again = raytrain("run", job, "--local")
    (finished / "gone").rename(finished / "anna")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "  anna: " in again.stdout
    assert opened(job)[2] == together
    assert run.submission.read_bytes() == csv
    page = run.report.read_text()
    assert "the maps of a teammate" in page
    assert f"ensemble of {len(together.members)} member" in page
    assert "Each dot is one labeled image" in page  # scored with the team-mate's maps

    spec = load_job(job, [])
    tag = ledger_in(run).read()[-1].tag
    assert reproduce(spec, run, tag).text.startswith(f"{tag}: the CSV is the same")

    done = raytrain("ensemble", job, "--remove", "anna", "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "anna: maps removed" in done.stdout
    first, _, before = opened(finished / "runs.yaml")
    assert opened(job)[2] == before
    assert run.submission.read_bytes() == first.submission.read_bytes()
    with pytest.raises(
        ValueError, match=r"anna: the maps [0-9a-f]{12} are not in the ensemble any more"
    ):
        reproduce(spec, run, tag)


def test_a_leak_is_named_and_leaves_everything_as_it_was(
    finished: Path, mate: dict[str, np.ndarray], tmp_path: Path
) -> None:
    shutil.copytree(finished / "anna", tmp_path / "anna")
    card = tmp_path / "anna/member.json"
    content = json.loads(card.read_text())
    content["fold_of"]["ph1"] = 1 - content["fold_of"]["ph1"]
    card.write_text(json.dumps(content))
    run, _, _ = opened(finished / "runs.yaml")
    before = {path: path.read_bytes() for path in run.final.rglob("*") if path.is_file()}
    done = raytrain("ensemble", finished / "runs.yaml", "--add", tmp_path / "anna", "--local")
    assert done.returncode == 1
    assert "leak: 1 maps come from a model that saw the image's group: ph1 (group 1:" in done.stderr
    assert {path: path.read_bytes() for path in run.final.rglob("*") if path.is_file()} == before


def test_a_csv_of_another_ensemble_does_not_stay(
    finished: Path, mate: dict[str, np.ndarray], tmp_path: Path
) -> None:
    # As after a kill between the ensemble and its masks: nothing stale is there to be sent.
    job = load_job(finished / "runs.yaml", [f"storage={tmp_path / 'runs'}"])
    shutil.copytree(finished / "runs", tmp_path / "runs")
    run = run_dir(job)
    report = read_report(run.data_report)
    folds = Folds.model_validate(read_json(run.folds))
    whole = run_of(run, report, job)
    recipes = candidate_recipes(whole)
    finalize(whole, select(whole, recipes))
    evaluate(run)
    assert run.submission.is_file()
    assert run.evaluation.is_file()
    change(run, open_samples(run), folds, [finished / "anna"], [])
    finalize(whole, select(whole, recipes))
    assert not run.submission.exists()
    assert not run.evaluation.exists()
    assert any("submission.csv: missing" in problem for problem in missing(run))


def test_there_must_be_an_ensemble_to_join(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    done = raytrain("ensemble", job, "--add", tmp_path, "--local")
    assert done.returncode == 1
    assert "there is no ensemble yet; run `raytrain finalize` first" in done.stderr
