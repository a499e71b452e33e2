"""All studies that were run on one page beside their sources."""

import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from raytrain.cli.app import app
from raytrain.config.job import JobSpec
from raytrain.pipeline.report import compare_studies
from raytrain.report.comparison import against_source, as_markdown
from raytrain.report.study_text import study_text
from raytrain.runs.files import read_json, write_bytes, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from tests.study_runs import fill, small_job
from tests.unit.report_html import Page

SPACE = {"optimizer.lr": {"grid": [1e-3, 1e-2]}}


def hits(task: Task, id: str) -> int:
    return 60 + (10 if task.spec.optimizer.lr == 1e-3 else 0)


def study_of(run: RunDir, study: dict[str, Any], device: str | None = None) -> None:
    tree = small_job(SPACE, 2).model_dump(mode="json") | {"study": study, "run": run.path.name}
    for task in fill(JobSpec.model_validate(tree), run, hits):
        if device is not None:
            record = read_json(task.trial_dir.record, "")
            record["last"]["device"] = device
            write_json(task.trial_dir.record, record)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    figures = [{"at": {"optimizer.lr": "0.001"}, "figures": {"dice": 0.5}}]
    first = RunDir(tmp_path / "runs/t/first")
    study_of(
        first,
        {"source": "Z2", "stated": "Dice <b>", "figures": figures, "same_measure": "same",
         "same_images": "other"},
        "NVIDIA H100",
    )  # fmt: skip
    write_bytes(first.command, b"raytrain search z2.yaml --set a=b\n")
    study_of(RunDir(tmp_path / "runs/t/second"), {"source": "Z1", "stated": "no figure"})
    plain = RunDir(tmp_path / "runs/t/plain")
    fill(small_job(SPACE, 2), plain, hits)
    return tmp_path / "runs"


def test_every_stated_figure_leads_to_ours_the_command_and_the_hardware(storage: Path) -> None:
    studies, (page, table) = compare_studies(storage)
    assert [study.table.source for study in studies] == ["Z1", "Z2"]
    none, row = csv.DictReader(table.read_text().splitlines())
    dice = 2 * 70 / 170
    assert row == {
        "source": "Z2", "run": "first", "stated for": "lr 0.001", "measure": "Dice",
        "theirs": "0.5000", "ours": f"{dice:.4f}", "difference": f"{dice - 0.5:+.4f}", "n": "1",
        "95 %": f"{dice:.4f} .. {dice:.4f}", "95 % over": "draws of groups of images",
        "same measure": "same", "same images": "other", "ours is": "lr 0.001", "epochs": "3",
        "command": "raytrain search z2.yaml --set a=b", "hardware": "NVIDIA H100", "time": "12 s",
    }  # fmt: skip
    assert (none["stated for"], none["theirs"], none["difference"]) == (
        "no figure is stated", "", ""
    )  # fmt: skip
    assert (none["command"], none["hardware"], none["ours is"]) == ("", "", "lr 0.001")
    shown = Page(page)
    assert "There: Dice <b>." in shown.text("study-2")
    assert "raytrain search z2.yaml --set a=b hardware NVIDIA H100" in shown.text("study-2")
    assert "command not recorded hardware not recorded" in shown.text("study-1")


def test_the_table_can_be_put_into_a_page_of_markdown(storage: Path) -> None:
    lines = as_markdown(compare_studies(storage)[0]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {14}
    assert lines[3].startswith("| Z2 | first | lr 0.001 | Dice | 0.5000 | 0.8235 | +0.3235 | 1 |")
    assert lines[0].endswith("| same images | ours is |")
    assert lines[3].endswith("| same | other | lr 0.001 |")


def test_only_the_first_measure_is_said_to_be_the_same(tmp_path: Path) -> None:
    figures = [{"figures": {"dice": 0.5, "iou": 0.4}}]
    study = {
        "source": "Z3", "stated": "both", "figures": figures, "same_measure": "same",
        "same_images": "same", "measures": [{"name": "dice"}, {"name": "iou"}],
    }  # fmt: skip
    study_of(RunDir(tmp_path / "runs/t/both"), study)
    [compared], (page, table) = compare_studies(tmp_path / "runs")
    rows = csv.DictReader(table.read_text().splitlines())
    assert [(row["measure"], row["same measure"]) for row in rows] == [
        ("Dice", "same"), ("IoU", "unknown"),
    ]  # fmt: skip
    assert "same measure Dice: yes; IoU: unknown" in Page(page).text("study-1")
    told = "compared with ours: Dice same, IoU unknown; the source's images: same"
    assert told in study_text(compared.table)
    drawn = against_source([compared])
    assert drawn is not None
    dots = [line for line in drawn.figure.axes[0].lines if line.get_marker() == "o"]
    assert [[*line.get_xdata()] for line in dots] == [[0.5], [0.4]]


def test_the_command_wants_a_job_or_a_folder(storage: Path) -> None:
    run = CliRunner().invoke
    done = run(app, ["report", "--compare", str(storage)])
    assert done.exit_code == 0, done.output
    assert f"written: {storage / 'comparison.html'}, {storage / 'comparison.csv'}" in done.output
    assert run(app, ["report"]).exit_code == 2
    empty = run(app, ["report", "--compare", str(storage / "t")])
    assert empty.exit_code == 1
    assert "no study with a result below this folder" in empty.output
    assert not (storage / "t" / "comparison.html").exists()
