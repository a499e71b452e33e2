"""Repeats over seeds and folds: trials of their own, one configuration, its mean and interval."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec, JobSpec
from raytrain.config.search import SearchSpec
from raytrain.data.report import DataReport, write_report
from raytrain.engine.trial import Samples
from raytrain.pipeline.cv import candidate_recipes
from raytrain.pipeline.search import search
from raytrain.report.terminal import leaderboard_table
from raytrain.runs.files import write_json
from raytrain.runs.history import write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Status, Task, read_records, write_record
from raytrain.search.configurations import configurations
from raytrain.search.leaderboard import ranked, rows, write_leaderboard
from raytrain.search.trials import Trials
from tests.runs import run_of
from tests.study_runs import small_job, small_report

WIDTHS = (4, 6)


@pytest.fixture
def report() -> DataReport:
    """Two images each of six patients, the last two of them for validation."""
    return small_report(train=4)


def job_of(repeats: dict[str, Any], **words: Any) -> JobSpec:
    words = {"space": {"model.width": {"grid": list(WIDTHS)}}, "trials": 2, **words}
    return small_job(repeats=repeats, **words)


def end(task: Task, score: float, status: Status = "finished") -> None:
    """As a trial leaves it."""
    row = {
        "epoch": 1, "val_score": score, "val_dice": score, "val_loss": 1.0, "ranks": 1,
        "seconds": 2.0,
    }  # fmt: skip
    write_history(task.trial_dir.history, [row])
    write_record(task, status, None if status == "finished" else "why")


def ran(study: Trials) -> list[Task]:
    """Everything that is still to be run, each scored by its width and seed."""
    done = []
    while task := study.next():
        end(task, task.spec.model.width / 10 + task.spec.seed / 100)  # type: ignore[union-attr]
        done.append(task)
    return done


def test_a_repeat_is_a_trial_of_its_own(tmp_path: Path, report: DataReport) -> None:
    run = RunDir(tmp_path / "run")
    tasks = ran(Trials(run_of(run, report, job_of({"seeds": 3}))))
    assert len({task.fingerprint for task in tasks}) == len({t.name for t in tasks}) == 6
    seeds = [(task.spec.model.width, task.spec.seed) for task in tasks]  # type: ignore[union-attr]
    assert sorted(seeds) == [(width, seed) for width in WIDTHS for seed in (5, 6, 7)]
    assert len({task.spec.model for task in tasks[:3]}) == 1  # one configuration after another
    assert {record.fingerprint for record in read_records(run)} == {t.fingerprint for t in tasks}
    assert ran(Trials(run_of(run, report, job_of({"seeds": 3})))) == []


def test_repeats_over_folds_hold_every_image_out_once(tmp_path: Path, report: DataReport) -> None:
    tasks = ran(
        Trials(run_of(RunDir(tmp_path / "run"), report, job_of({"seeds": 2, "folds": "all"})))
    )
    assert len({task.fingerprint for task in tasks}) == 2 * 3 * 2
    for first in range(0, 12, 3):
        part = tasks[first : first + 3]
        assert len({task.spec for task in part}) == 1
        held = [id for task in part for id in task.val_ids]
        assert sorted(held) == sorted(f"s{n}" for n in range(12))
    found = configurations(ranked(RunDir(tmp_path / "run")))
    assert [len(each.counted) for each in found] == [6, 6]


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_a_search_goes_on_and_grows_by_trials_seeds_and_folds(
    tmp_path: Path, report: DataReport, sampler: str
) -> None:
    def job(trials: int, **repeats: Any) -> JobSpec:
        space = {"model.width": {"choice": [4, 6, 8, 10, 12]}}
        return job_of(repeats, trials=trials, space=space, sampler={"name": sampler})

    run = RunDir(tmp_path / "run")
    study = Trials(run_of(run, report, job(2, seeds=2)))
    assert study.left() == 4
    first = study.next()
    assert first is not None
    end(first, 0.5)  # killed in the middle of a configuration
    going_on = Trials(run_of(run, report, job(2, seeds=2)))
    assert going_on.left() == 3
    rest = ran(going_on)
    assert rest[0].spec == first.spec.model_copy(update={"seed": 6})
    assert len(rest) == 3
    more_seeds = ran(Trials(run_of(run, report, job(2, seeds=3))))
    assert [task.spec.seed for task in more_seeds] == [7, 7]
    more_trials = ran(Trials(run_of(run, report, job(3, seeds=3))))
    assert [task.spec.seed for task in more_trials] == [5, 6, 7]
    # The given split says something else than folds: nothing of it stands for them.
    assert len(ran(Trials(run_of(run, report, job(3, seeds=3, folds="all"))))) == 3 * 3 * 3
    assert {len(each.records) for each in configurations(ranked(run))} == {9}


def test_the_estimator_knows_a_configuration_by_its_mean(
    tmp_path: Path, report: DataReport
) -> None:
    known: list[Any] = []
    job = job_of({"seeds": 2}, sampler={"name": "tpe"}, space={"model.width": {"choice": [4, 6]}})
    study = Trials(run_of(RunDir(tmp_path / "run"), report, job))
    one = iter([job.trial])
    study._sampler = lambda taken, ask: known.append(list(ask())) or next(one, None)  # type: ignore[func-returns-value]
    for score in (0.2, 0.4):
        task = study.next()
        assert task is not None
        end(task, score)
    study.ahead()
    assert [(each.status, each.score) for each in known[-1]] == [("finished", pytest.approx(0.3))]


def test_mean_sd_and_interval(tmp_path: Path, report: DataReport) -> None:
    run = RunDir(tmp_path / "run")
    study = Trials(run_of(run, report, job_of({"seeds": 4})))
    given = {4: (0.5, 0.5, 0.5, 0.9), 6: (0.70, 0.72, 0.74, 0.99)}
    while task := study.next():
        width = task.spec.model.width  # type: ignore[union-attr]
        score = given[width][task.spec.seed - 5]
        end(task, score, "failed" if score > 0.8 else "finished")
    best, other = write_leaderboard(run)
    # By hand: mean .72, sd .02, and t of 2 degrees of freedom is 4.3027.
    assert (best.mean, best.sd) == (pytest.approx(0.72), pytest.approx(0.02))
    assert best.interval == pytest.approx((0.72 - 0.049683, 0.72 + 0.049683), abs=1e-6)
    sem = scipy.stats.sem([0.70, 0.72, 0.74])
    assert best.interval == pytest.approx(scipy.stats.t.interval(0.95, 2, 0.72, sem))
    assert other.sd == 0
    assert other.interval == (0.5, 0.5)
    # A failed repeat counts for nothing, and for its configuration it is said.
    table = list(csv.DictReader(run.leaderboard.read_text().splitlines()))
    assert [(row["n"], row["val_score"], row["sd"], row["low"], row["high"]) for row in table] == [
        ("3", "0.7200", "0.0200", "0.6703", "0.7697"), ("3", "0.5000", "0.0000", "0.5000", "0.5000")
    ]  # fmt: skip
    assert table[0]["status"] == "failed finished"
    assert table[0]["scores"] == "0.7000 0.7200 0.7400"
    assert len(table[0]["trials"].split()) == 4
    text = leaderboard_table([best, other])
    assert "0.6703 .. 0.7697" in text
    before = run.leaderboard.read_bytes()
    run.leaderboard.unlink()
    write_leaderboard(run)
    assert run.leaderboard.read_bytes() == before


def test_the_interval_holds_the_truth_in_95_of_100(tmp_path: Path, report: DataReport) -> None:
    run = RunDir(tmp_path / "run")
    tasks = ran(Trials(run_of(run, report, job_of({"seeds": 5}, trials=1))))
    record = read_records(run)[0]
    assert len(tasks) == 5
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(500):
        scores = rng.normal(0.8, 0.03, 5)
        made = [
            record.model_copy(
                update={
                    "best": {"val_score": float(score)},
                    "spec": record.spec.model_copy(update={"seed": seed}),
                }
            )
            for seed, score in enumerate(scores)
        ]
        (each,) = configurations(made)
        assert each.interval is not None
        held += each.interval[0] <= 0.8 <= each.interval[1]
    assert 0.93 <= held / 500 <= 0.97


def test_members_are_different_configurations(tmp_path: Path, report: DataReport) -> None:
    run, job = RunDir(tmp_path / "run"), job_of({"seeds": 3})
    ran(Trials(run_of(run, report, job)))
    assert [record.spec.model.width for record in ranked(run)[:2]] == [6, 6]  # type: ignore[union-attr]
    recipes = candidate_recipes(run_of(run, report, job))
    assert [recipe.spec.model.width for recipe in recipes] == [6, 4]  # type: ignore[union-attr]
    three = job.model_copy(update={"finalize": job.finalize.model_copy(update={"members": 3})})
    with pytest.raises(ValueError, match=r"the leaderboard has 2 of this job"):
        candidate_recipes(run_of(run, report, three))


def test_what_would_make_repeats_unlike_is_refused() -> None:
    with pytest.raises(ValueError, match="asha would stop some repeats of a configuration"):
        SearchSpec.model_validate({"repeats": {"seeds": 2}})
    with pytest.raises(ValueError, match="take `seed` out of the space"):
        job_of({"seeds": 2}, space={"seed": {"grid": [0, 1]}})
    with pytest.raises(ValueError, match="'all'"):
        job_of({"folds": 3})


def test_a_study_with_repeats_runs_without_ray(samples: Samples, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    write_report(run.data_report, samples.report)
    job = job_of({"seeds": 2, "folds": "all"}, trials=1).model_copy(
        update={
            "competition": CompetitionSpec(name="p", data="d", classes=("bg", "rv", "myo", "lv")),
            "folds": FoldSpec(count=2),
        }
    )
    job = job.model_copy(update={"trial": job.trial.model_copy(update={"epochs": 1})})
    write_json(run.config, job.model_dump(mode="json"))
    (board,) = search(run_of(run, samples.report, job))
    assert len(board.scores) == 4
    assert rows([board])[0]["n"] == "4"
    assert len(set(board.scores)) > 1
