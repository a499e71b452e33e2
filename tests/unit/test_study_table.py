"""A study beside what its source states: the table, its file, and the page with its figures."""

import csv
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.space_draws import grid_trials
from raytrain.config.study import choice_label
from raytrain.pipeline.report import report
from raytrain.report.study_results import study_table, study_text, write_study
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from tests.study_runs import fill, small_job
from tests.support import ledger_in

STUDIES = sorted((Path(__file__).parents[2] / "jobs" / "studies").glob("*.yaml"))
LOSSES = {"grid": [[{"name": "dice"}], [{"name": "focal"}]]}
RATES = {"grid": [1e-4, 1e-3, 1e-2]}


def job_of(space: dict[str, Any], study: dict[str, Any], trials: int, seeds: int) -> JobSpec:
    job = small_job(space, trials, repeats={"seeds": seeds})
    return JobSpec.model_validate(job.model_dump(mode="json") | {"study": study})


def hits(task: Task, id: str) -> int:
    """All the same on every image: Dice 2 h / (100 + h) and IoU h / 100."""
    better = 10 if task.spec.loss_label == "dice" else 0
    return 60 + better + (5 - 2 * abs(int(f"{task.spec.optimizer.lr:e}"[-2:]) - 3)) + task.spec.seed


def page_of(run: RunDir) -> str:
    return report(run, ledger_in(run)).read_text()


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_what_a_study_states_is_of_its_own_choices(path: Path) -> None:
    job = load_job(path)
    assert job.study is not None
    specs = grid_trials(job.search.space, job.trial, 1000, 0)
    choices = [{at: choice_label(spec, at) for at in job.search.space} for spec in specs]
    assert len({tuple(choice.values()) for choice in choices}) == len(specs)
    for stated in job.study.figures:
        matching = [choice for choice in choices if stated.at.items() <= choice.items()]
        assert matching, stated.at
        assert (len(matching) == 1) == (set(stated.at) == set(job.search.space))
        assert all(0 < figure < 1 for figure in stated.figures.values())


def test_the_table_lays_ours_beside_theirs(tmp_path: Path) -> None:
    study = {
        "source": "Z9", "stated": "test Dice and Jaccard", "measures": ["dice", "iou"],
        "figures": [
            {"at": {"loss": "focal", "optimizer.lr": "0.001"}, "figures": {"dice": 0.4476}},
            {"at": {"loss": "dice"}, "figures": {"dice": 0.4087, "iou": 0.3092}},
            {"at": {}, "figures": {"iou": 0.5}},
        ],
    }  # fmt: skip
    run = RunDir(tmp_path / "runs/t/run")
    fill(job_of({"loss": LOSSES, "optimizer.lr": RATES}, study, 6, 3), run, hits)
    table = study_table(run)
    assert table is not None
    assert table.measures == ("Dice", "IoU")
    assert [choice.labels for choice in table.choices[:1]] == [("dice", "0.001")]
    (focal,) = [choice for choice in table.choices if choice.labels == ("focal", "0.001")]
    # Seeds 5, 6 and 7 find 70, 71 and 72 pixels of 100.
    assert focal.ours[1] is not None
    assert (focal.ours[1].mean, focal.ours[1].sd) == pytest.approx((0.71, 0.01))
    dice = sum(2 * h / (100 + h) for h in (70, 71, 72)) / 3
    assert focal.ours[0] is not None
    assert focal.ours[0].mean == pytest.approx(dice)
    assert focal.stated == (0.4476, None)
    assert focal.best_epochs == (3, 3, 3)
    text = study_text(table)
    assert "Z9; there: test Dice and Jaccard" in text
    assert [(each.of, each.best.labels) for each in table.best_of] == [
        ("dice", ("dice", "0.001")), ("", ("dice", "0.001")),
    ]  # fmt: skip
    write_study(run, table)
    rows = list(csv.reader(run.study.read_text().splitlines()))
    assert rows[0] == [
        "loss", "optimizer.lr", "Dice", "Dice there", "IoU", "IoU there", "n", "best epoch"
    ]  # fmt: skip
    assert ["focal", "0.001", f"{dice:.4f} +- 0.0068", "0.4476", "0.7100 +- 0.0100", "", "3",
            "3 3 3"] in rows  # fmt: skip
    page = page_of(run)
    assert "Study Z9" in page
    assert "0.7100 +- 0.0100" in page
    for figure in ("Validation loss of all 6 choices", "of each choice", "Scores of the repeats"):
        assert page.count(figure) == 1, figure
    assert "Best validation loss against the factor" not in page


def test_one_factor_of_numbers_is_drawn_on_a_logarithmic_axis(tmp_path: Path) -> None:
    study = {"source": "Z8", "stated": "no figure for each rate"}
    run = RunDir(tmp_path / "runs/t/run")
    fill(job_of({"optimizer.lr": RATES}, study, 3, 1), run, hits)
    page = page_of(run)
    assert "Best validation loss against the factor of the study of optimizer.lr" in page
    assert "Scores of the repeats" not in page
    start = page.index('aria-label="Best validation loss against')
    drawn = page[start : page.index("</svg>", start)]
    assert "mathdefault" not in page
    ticks = [tick for tick in ("0.0001", "0.001", "0.01") if f">{tick}<" in drawn]
    assert ticks == ["0.0001", "0.001", "0.01"]


def test_other_runs_have_no_study(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "runs/t/run")
    fill(small_job({"optimizer.lr": RATES}, 3), run, hits)
    assert study_table(run) is None
    assert 'id="study"' not in page_of(run)


def test_what_cannot_be_laid_beside_is_refused() -> None:
    figures = [{"at": {}, "figures": {"iuo": 0.5}}]
    with pytest.raises(ValueError, match=r"figures: unknown 'iuo'; .*measures"):
        job_of({"loss": LOSSES}, {"source": "A", "stated": "b", "figures": figures}, 2, 1)
    figures = [{"at": {"optimizer.l": "1"}, "figures": {"dice": 0.5}}]
    with pytest.raises(ValueError, match=r"figures: unknown 'optimizer.l'; did you mean 'opt"):
        job_of({"optimizer.lr": RATES}, {"source": "A", "stated": "b", "figures": figures}, 3, 1)
