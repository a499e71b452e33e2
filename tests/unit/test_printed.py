"""Figures as files for print: their size, their numbers, and which files a later call deletes."""

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from raytrain.report.drawing import PRINT_DPI
from raytrain.report.printed import WIDTH_IN, WRITTEN, write_figures
from raytrain.report.study import curves, results
from tests.unit.test_study_figures import grid, rates


@pytest.mark.slow
def test_files_are_of_printed_size_and_hold_the_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "paper.pdf").write_bytes(b"of the user")
    write_figures(folder, results(rates(3, repeats=2)))
    assert (folder / "boxes.png").is_file()
    figures = [*results(grid()), next(curves(grid()))]
    write_figures(folder, figures)
    rest = [figure.drawing.figure for figure in curves(grid())]
    assert {drawn.get_figwidth() for drawn in rest} == {WIDTH_IN}
    names = {figure.name for figure in figures}
    assert {path.name for path in folder.iterdir()} == {
        "paper.pdf",
        WRITTEN,
        *(f"{name}{suffix}" for name in names for suffix in (".png", ".svg", ".csv")),
    }
    for name in names:
        with Image.open(folder / f"{name}.png") as image:
            assert image.width == round(WIDTH_IN * PRINT_DPI)
        root = ET.fromstring((folder / f"{name}.svg").read_text())
        assert root.get("width") == f"{72 * WIDTH_IN:g}pt"
    rows = list(csv.DictReader(io.StringIO((folder / "grid.csv").read_text())))
    assert rows[0] == {"optimizer": "rmsprop", "loss": "focal", "Dice": "0.42", "source": "0.7"}
    rows = list(csv.DictReader(io.StringIO((folder / "loss_curves.csv").read_text())))
    assert len(rows) == 9 * 4
    assert {"optimizer", "loss", "repeat", "epoch", "train_loss", "val_loss"} <= rows[0].keys()


def test_figures_that_cannot_be_drawn_now_stay(tmp_path: Path) -> None:
    write_figures(tmp_path, results(rates(3)))
    write_figures(tmp_path, [], kept="score")
    left = {f"score_factor{suffix}" for suffix in (".png", ".svg", ".csv")}
    assert {path.name for path in tmp_path.iterdir()} == {WRITTEN, *left}
    write_figures(tmp_path, [])
    assert {path.name for path in tmp_path.iterdir()} == {WRITTEN}


def test_the_same_numbers_give_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_figures(tmp_path / name, list(results(rates(3))))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
