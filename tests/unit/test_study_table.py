"""A study beside what its source states: the table, its file, and the page with its figures."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from raytrain.config.job import JobSpec
from raytrain.pipeline.report import report
from raytrain.report.study_results import study_table
from raytrain.report.study_text import stated_cells, study_text, write_study
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from tests.study_runs import fill, small_job
from tests.support import ledger_in
from tests.unit.report_run import page_alone

LOSSES = {"grid": [[{"name": "dice"}], [{"name": "focal"}]]}
RATES = {"grid": [1e-4, 1e-3, 1e-2]}


def job_of(space: dict[str, Any], study: dict[str, Any], trials: int, seeds: int) -> JobSpec:
    job = small_job(space, trials, repeats={"seeds": seeds})
    return JobSpec.model_validate(job.model_dump(mode="json") | {"study": study})


def hits(task: Task, id: str) -> int:
    """All the same on every image: Dice 2 h / (100 + h) and IoU h / 100."""
    better = 10 if task.spec.loss_label == "dice" else 0
    return 60 + better + (5 - 2 * abs(int(f"{task.spec.optimizer.lr:e}"[-2:]) - 3)) + task.spec.seed


@pytest.mark.slow
def test_the_table_lays_ours_beside_theirs(tmp_path: Path) -> None:
    study = {
        "source": "Z9", "stated": "test Dice and Jaccard", "measures": ["dice", "iou"],
        "same_measure": "same", "same_images": "other",
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
    assert "Z9; the source states: test Dice and Jaccard" in text
    assert [(cell.choice, cell.measure, cell.theirs, cell.ours_is) for cell in table.cells] == [
        ("focal, lr 0.001", "Dice", 0.4476, "focal, lr 0.001"),
        ("the best of dice", "Dice", 0.4087, "dice, lr 0.001"),
        ("the best of dice", "IoU", 0.3092, "dice, lr 0.001"),
        ("the best of all", "IoU", 0.5, "dice, lr 0.001"),
    ]
    assert table.cells[0].difference == pytest.approx(dice - 0.4476)
    assert (
        "the source's measures, compared with ours: Dice same, IoU unknown; the source's images: "
        "other; 95 % intervals over repeats" in " ".join(text.split())
    )
    write_study(run, table)
    rows = list(csv.reader(run.study.read_text().splitlines()))
    assert rows[0] == [
        "loss", "optimizer.lr", "Dice", "Dice there", "IoU", "IoU there", "n", "best epoch"
    ]  # fmt: skip
    assert ["focal", "0.001", f"{dice:.4f} +- 0.0068", "0.4476", "0.7100 +- 0.0100", "", "3",
            "3 3 3"] in rows  # fmt: skip
    page = report(run, ledger_in(run)).read_text()
    assert "Study Z9" in page
    assert "0.7100 +- 0.0100" in page
    for figure in ("loss curves of", "loss panels of", "Boxes over the repeats", "Heat map of"):
        assert page.count(f'aria-label="{figure}') == 1, figure
    written = {path.stem for path in run.figures.glob("*.png")}
    assert written == {
        "score_factor", "grid", "loss_factor", "bars", "boxes", "loss_curves", "dice_curves",
        "loss_panels",
    }  # fmt: skip


def test_a_single_training_has_an_interval_over_groups_and_repeats_one_over_them(
    tmp_path: Path,
) -> None:
    study = {
        "source": "Z7", "stated": "Dice", "figures": [
            {"at": {"optimizer.lr": "0.001"}, "figures": {"dice": 0.5}},
            {"at": {"optimizer.lr": "0.1"}, "figures": {"dice": 0.4}},
        ],
    }  # fmt: skip
    space = {"optimizer.lr": {"grid": [1e-3, 1e-1]}}

    def uneven(task: Task, id: str) -> int:
        return 40 + 3 * int(id[1:]) + task.spec.seed

    found = {}
    for seeds, trials in ((1, 1), (3, 1)):
        run = RunDir(tmp_path / f"runs/t/{seeds}")
        fill(job_of(space, study, trials, seeds), run, uneven)
        table = study_table(run)
        assert table is not None
        found[seeds] = table
    assert [table.over for table in found.values()] == ["draws of groups of images", "repeats"]
    single, repeated = (table.cells[0].ours for table in found.values())
    assert single is not None
    assert repeated is not None
    dice = {h: 2 * h / (100 + h) for h in range(101)}
    groups = [(dice[45 + 6 * n] + dice[48 + 6 * n]) / 2 for n in range(2, 6)]
    assert single.mean == pytest.approx(sum(groups) / 4)
    draws = np.random.default_rng(1).choice(groups, (20_000, 4)).mean(1)
    assert (single.low, single.high) == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=0.004)
    # Student's t with two degrees of freedom: 4.3027 standard errors.
    assert repeated.sd is not None
    assert repeated.high == pytest.approx(repeated.mean + 4.3027 * repeated.sd / 3**0.5, abs=1e-5)
    # What was not trained yet has a cell, too.
    missing = stated_cells(found[1])[1]
    assert missing == ["lr 0.1", "Dice", "0.4000", "", "", "", "", ""]


def test_one_factor_of_numbers_is_drawn_on_a_logarithmic_axis(tmp_path: Path) -> None:
    study = {"source": "Z8", "stated": "no figure for each rate"}
    run = RunDir(tmp_path / "runs/t/run")
    fill(job_of({"optimizer.lr": RATES}, study, 3, 1), run, hits)
    page = page_alone(run).read_text()
    assert "Boxes over the repeats" not in page
    start = page.index('aria-label="best validation loss against the factor')
    drawn = page[start : page.index("</svg>", start)]
    assert "mathdefault" not in page
    ticks = [tick for tick in ("0.0001", "0.001", "0.01") if f">{tick}<" in drawn]
    assert ticks == ["0.0001", "0.001", "0.01"]


def test_other_runs_have_no_study(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "runs/t/run")
    fill(small_job({"optimizer.lr": RATES}, 3), run, hits)
    assert study_table(run) is None
    assert 'id="study"' not in page_alone(run).read_text()


def test_what_cannot_be_laid_beside_is_refused() -> None:
    figures = [{"at": {}, "figures": {"iuo": 0.5}}]
    with pytest.raises(ValueError, match=r"figures: unknown 'iuo'; .*measures"):
        job_of({"loss": LOSSES}, {"source": "A", "stated": "b", "figures": figures}, 2, 1)
    figures = [{"at": {"optimizer.l": "1"}, "figures": {"dice": 0.5}}]
    with pytest.raises(ValueError, match=r"figures: unknown 'optimizer.l'; did you mean 'opt"):
        job_of({"optimizer.lr": RATES}, {"source": "A", "stated": "b", "figures": figures}, 3, 1)
