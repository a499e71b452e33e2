"""Tasks: a network too deep for the images is made shallower, in words, and once."""

from pathlib import Path

import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import JobSpec
from raytrain.config.models import UNetSpec
from raytrain.config.search import SearchSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import DataReport
from raytrain.engine.tasks import Fold, make_task
from raytrain.runs.layout import RunDir
from raytrain.search.trials import Trials
from tests.arrays import report_of
from tests.runs import run_of


@pytest.fixture
def report() -> DataReport:
    """Two images of 96x40 px."""
    rows = [
        {"id": f"s{n}", "split": split, "group": str(n), "height": 40, "width": 96}
        for n, split in enumerate(("train", "val"))
    ]
    return report_of(rows, ("background", "organ"))


@pytest.fixture
def job() -> JobSpec:
    competition = CompetitionSpec(name="t", data="folder", classes=("background", "organ"))
    space = {"model.depth": {"grid": [3, 5, 6]}}
    return JobSpec(competition=competition, search=SearchSpec(space=space, trials=3))


def test_the_depth_is_lowered_and_said_so(
    job: JobSpec, report: DataReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = TrialSpec(model=UNetSpec(width=7, depth=6))
    for _ in range(2):
        task = make_task(run_of(tmp_path, report, job), "train", spec, Fold("split", (), ()), 1)
    assert task.spec.model == UNetSpec(width=7, depth=5)
    said = "unet7x6: depth lowered to 5, because 96x40 images are too small for depth 6\n"
    assert capsys.readouterr().out == said


def test_specs_that_become_one_are_one_trial(
    job: JobSpec, report: DataReport, tmp_path: Path
) -> None:
    tasks = Trials(run_of(RunDir(tmp_path), report, job)).draw_all()
    assert sorted(task.spec.model.depth for task in tasks) == [3, 5]
