"""A run folder that several jobs used: each job sees the trials that it could propose."""

from pathlib import Path
from typing import Any

import pytest

from raytrain.config.job import FoldSpec, JobSpec
from raytrain.data.report import read_report
from raytrain.pipeline.check import check
from raytrain.pipeline.cv import candidate_recipes
from raytrain.pipeline.run import opened
from raytrain.runs.files import read_json, write_json
from raytrain.runs.jobs import keep_job
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task, read_records
from raytrain.runs.search_log import RungEvent, append_event, present_events
from raytrain.search.leaderboard import ranked
from tests.runs import run_of
from tests.study_runs import fill, small_job
from tests.unit.conftest import Competition

RATES = {"optimizer.lr": {"grid": [0.1, 0.01]}}


def _hits(task: Task, id: str) -> int:
    """Larger batches score better here, and so do smaller rates."""
    del id
    return min(100, 10 * task.spec.batch_size + int(1 / task.spec.optimizer.lr) // 10)


def _changed(job: JobSpec, **trial: Any) -> JobSpec:
    return job.model_copy(update={"trial": job.trial.model_copy(update=trial)})


@pytest.mark.parametrize("change", [{"batch_size": 2}, {"epochs": 2}, {"seed": 6}])
def test_trials_of_another_job_are_neither_ranked_nor_shipped(
    change: dict[str, Any], tmp_path: Path
) -> None:
    first, run = small_job(RATES, 2), RunDir(tmp_path / "run")
    second = _changed(first, **change)
    ours = {task.fingerprint for task in fill(first, run, _hits)}
    theirs = {task.fingerprint for task in fill(second, run, _hits)}
    assert not ours & theirs
    report = read_report(run.data_report)
    for job, present in ((second, theirs), (first, ours), (second, theirs)):
        specs = [recipe.spec for recipe in candidate_recipes(run_of(run, report, job))]
        assert {record.fingerprint for record in ranked(run)} == present
        assert {getattr(spec, key) for spec in specs for key in change} == {
            getattr(job.trial, key) for key in change
        }
    assert {record.fingerprint for record in read_records(run)} == ours | theirs


def test_a_trial_that_train_has_trained_is_ranked(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    tasks = fill(small_job(RATES, 2), run, _hits)
    path = tasks[0].trial_dir.record
    write_json(path, read_json(path) | {"station": "train"})
    assert {record.fingerprint for record in ranked(run)} == {each.fingerprint for each in tasks}


def test_a_smaller_space_keeps_what_lies_in_it(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    fill(small_job(RATES, 2), run, _hits)
    # Another sampler, number and order draw otherwise, from the same place.
    smaller = small_job(
        {"optimizer.lr": {"uniform": [0.05, 0.2]}}, 1, sampler={"name": "random"}, seed=9
    )
    fill(smaller, run, _hits)
    rates = sorted(record.spec.optimizer.lr for record in ranked(run))
    assert len(rates) == 2
    assert 0.1 in rates
    assert 0.01 not in rates


def test_decisions_about_other_jobs_trials_do_not_count(tmp_path: Path) -> None:
    first, run = small_job(RATES, 2), RunDir(tmp_path / "run")
    tasks = [*fill(first, run, _hits), *fill(_changed(first, batch_size=2), run, _hits)]
    events = [
        RungEvent(trial=task.fingerprint, name=task.name, epoch=1, val_dice=0.5, val_score=0.5,
                  decision="go on")
        for task in tasks
    ]  # fmt: skip
    for event in events:
        append_event(run.events, event)
    assert [event.trial for event in present_events(run)] == [t.fingerprint for t in tasks[2:]]


def test_what_changed_is_one_line_and_the_job_before_stays(tmp_path: Path) -> None:
    first, run = small_job(RATES, 2), RunDir(tmp_path / "run")
    assert keep_job(run, first) is None
    assert keep_job(run, first) is None
    line = keep_job(run, _changed(first, batch_size=3))
    [kept] = run.configs.iterdir()
    assert line == f"the job changed: trial.batch_size 8 -> 3 (the earlier job: {kept})"
    assert JobSpec.model_validate(read_json(kept)) == first
    assert keep_job(run, small_job({"seed": {"grid": [1, 2, 3, 4, 5, 6, 7, 8]}}, 2)) is not None
    assert len(list(run.configs.iterdir())) == 2


def test_other_folds_are_refused_before_the_search(
    competition: Competition, tmp_path: Path
) -> None:
    competition.fill(train=4, val=2, test=1)
    job = small_job(RATES, 2).model_copy(update={"competition": competition.spec("(N+1)//2")})
    run = RunDir(tmp_path / "run")
    many = job.model_copy(update={"folds": FoldSpec(count=9)})
    words = r"(?s)folds\.count.*9 folds need as many groups"
    with pytest.raises(ValueError, match=words), opened(many, run, "local", "search"):
        raise AssertionError("nothing is begun")
    assert not run.trials.exists()
    check(job, run)
