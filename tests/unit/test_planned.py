"""How many trials a search plans: at most those that its space holds and that are not done."""

from pathlib import Path

import pytest

from raytrain.data.report import DataReport
from raytrain.runs.layout import RunDir
from raytrain.search.trials import Trials
from tests.runs import run_of
from tests.study_runs import small_report
from tests.unit.test_repeats import end, job_of, ran


@pytest.fixture
def report() -> DataReport:
    return small_report(train=4)


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_only_trials_that_the_space_holds_are_planned(
    tmp_path: Path, report: DataReport, sampler: str
) -> None:
    """Two values of the model's width and one of its depth, and repeats over three folds."""
    space = {"model.width": {"choice": [4, 6]}, "model.depth": {"grid": [1]}}
    words = {"trials": 50, "space": space, "sampler": {"name": sampler}}
    run = RunDir(tmp_path / "run")
    study = Trials(run_of(run, report, job_of({"folds": "all"}, **words)))
    assert study.left() == 2 * 3
    first = study.next()
    assert first is not None
    end(first, 0.5)
    assert Trials(run_of(run, report, job_of({"folds": "all"}, **words))).left() == 2 * 3 - 1
    assert len(ran(Trials(run_of(run, report, job_of({"folds": "all"}, **words))))) == 5


def test_a_range_holds_more_trials_than_are_planned(tmp_path: Path, report: DataReport) -> None:
    words = {"trials": 50, "space": {"optimizer.lr": {"uniform": [0.001, 0.01]}}}
    job = job_of({}, sampler={"name": "random"}, **words)
    assert Trials(run_of(RunDir(tmp_path / "run"), report, job)).left() == 50


def test_specs_that_are_equal_after_all_are_not_planned(tmp_path: Path, report: DataReport) -> None:
    """A value that is listed twice; the sampler finds out when it has drawn everything."""
    words = {"trials": 50, "space": {"model.width": {"choice": [4, 6, 4]}}}
    study = Trials(run_of(RunDir(tmp_path / "run"), report, job_of({"folds": "all"}, **words)))
    assert len(study.draw_all()) == study.left() == 2 * 3
