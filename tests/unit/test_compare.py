"""Two configurations compared on single images: found by name, matched, and judged."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from raytrain.metrics import score
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task, read_records
from raytrain.search.compare import compare, comparison_text
from raytrain.search.configurations import configurations
from raytrain.search.leaderboard import ranked
from tests.study_runs import fill, small_job
from tests.tiny import SPEC, make_task

SPACE = {"model.width": {"grid": [4, 8]}}


def hits(task: Task, id: str) -> int:
    """Width 8 finds more on every patient, by 8 to 12 pixels; seeds do not matter."""
    number = int(id[1:])
    more = 8 + number // 2 if task.spec.model.width == 8 else 0  # type: ignore[union-attr]
    return 60 + 3 * number + more


def dice(found: int) -> float:
    return 2 * found / (100 + found)


def test_a_difference_is_shown_and_is_that_of_a_paired_t_test(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    fill(small_job(SPACE, 2), run, hits)
    wide, narrow = configurations(ranked(run))
    found = compare(run, wide.name, run, narrow.fingerprint[:6])
    # By hand: the Dice of the four patients held out, each the mean of its two images.
    means = [
        [np.mean([dice(60 + 3 * n + more * (8 + n // 2)) for n in (2 * p, 2 * p + 1)])
         for p in range(2, 6)]
        for more in (1, 0)
    ]  # fmt: skip
    reference = scipy.stats.ttest_rel(*means)
    assert found.test.p == pytest.approx(reference.pvalue)
    assert found.test.difference == pytest.approx(np.mean(means[0]) - np.mean(means[1]))
    assert found.scores == pytest.approx((wide.mean, narrow.mean))
    assert found.names == (wide.name, narrow.name)
    text = comparison_text(found)
    assert "A is better" in text
    assert "paired over 4 groups and one seed" in text
    assert "one seed each" in text
    turned = compare(run, narrow.name, run, wide.name)
    assert "B is better" in comparison_text(turned)
    assert turned.test.p == pytest.approx(found.test.p)


def test_no_difference_is_said_with_what_could_have_been_seen(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")

    def alike(task: Task, id: str) -> int:
        number, width = int(id[1:]), task.spec.model.width  # type: ignore[union-attr]
        swing = (number // 2 + task.spec.seed) % 2 == 0
        return 70 + (6 if (width == 8) == swing else 0)

    fill(small_job(SPACE, 2, repeats={"seeds": 3}), run, alike)
    one, other = configurations(ranked(run))
    found = compare(run, one.name, run, other.name)
    assert found.test.seeds == 3
    assert "no difference shown; the smallest difference" in comparison_text(found)
    assert found.test.detectable > abs(found.test.difference)
    itself = compare(run, one.name, run, one.name)
    assert (itself.test.difference, itself.test.p) == (0, 1)
    assert "shown; the difference is the same in every group" in comparison_text(itself)


def test_over_folds_every_patient_counts_and_seeds_are_matched(tmp_path: Path) -> None:
    run, other = RunDir(tmp_path / "run"), RunDir(tmp_path / "other")
    fill(small_job({"model.width": {"grid": [8]}}, 1, repeats={"seeds": 3, "folds": "all"}),
         run, hits)  # fmt: skip
    fill(small_job({"model.width": {"grid": [4]}}, 1, repeats={"seeds": 2, "folds": "all"}),
         other, hits)  # fmt: skip
    (wide,), (narrow,) = configurations(ranked(run)), configurations(ranked(other))
    found = compare(run, wide.name, other, narrow.name)
    assert (found.test.groups, found.test.seeds) == (6, 2)
    assert "2 seeds of each are compared; they have 3 and 2" in comparison_text(found)
    # One trial against a configuration: on the fold that it held out.
    single = wide.records[0]
    alone = compare(run, single.fingerprint, other, narrow.name)
    assert (alone.test.groups, alone.test.seeds) == (2, 1)
    assert f"compared on {single.fold}" in comparison_text(alone)
    split = RunDir(tmp_path / "split")
    fill(small_job(SPACE, 2), split, hits)
    with pytest.raises(ValueError, match="validated on different images: on fold0-"):
        compare(run, wide.name, split, configurations(ranked(split))[0].name)


def test_what_is_not_found_is_refused_with_the_nearest(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    tasks = fill(small_job(SPACE, 2), run, hits)
    name = tasks[0].name
    with pytest.raises(ValueError, match=f"no such trial: unknown .*; did you mean '{name}'"):
        compare(run, name[:-1] + "x", run, name)
    with pytest.raises(ValueError, match="no trial has a record"):
        compare(RunDir(tmp_path / "none"), name, run, name)
    tasks[1].trial_dir.evidence.unlink()
    with pytest.raises(ValueError, match=r"evidence\.npz is missing"):
        compare(run, name, run, tasks[1].name)
    tasks[1].trial_dir.evidence.write_bytes(tasks[0].trial_dir.evidence.read_bytes())
    with pytest.raises(ValueError, match="not from the best epoch"):
        compare(run, name, run, tasks[1].name)


def test_training_keeps_what_its_best_score_was_computed_from(samples, tmp_path: Path) -> None:
    from raytrain.engine.reporter import SilentReporter
    from raytrain.engine.trial import run_trial
    from raytrain.runs.record import write_record

    task = make_task(tmp_path / "run/trials/ab", samples, SPEC)
    run_trial(task, samples, SilentReporter())
    record = write_record(task, "finished", None)
    oof = read_oof_evidence(task.trial_dir.evidence)
    assert record.best is not None
    assert score(oof.metric, oof.evidence) == record.best["val_score"]
    assert oof.ids == task.val_ids
    assert oof.groups == ("6", "6", "7", "7")
    # Not only where the last epoch was the best.
    scores = [row["val_score"] for row in read_history(task.trial_dir.history)]
    assert record.best["val_score"] == max(scores)
    assert read_records(RunDir(tmp_path / "run"))[0].fingerprint == "ab"
