"""Figures as files for print, with their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from raytrain.report.drawing import Drawing
from raytrain.runs.files import write_bytes

WIDTH_IN = 6.9
"""Width of a figure: the text width of a printed page."""


@dataclass(frozen=True)
class PrintedFigure:
    """One figure with its numbers."""

    name: str
    """Name of its files."""
    caption: str
    drawing: Drawing
    data: pd.DataFrame


def write_figures(folder: Path, figures: Sequence[PrintedFigure]) -> None:
    """Write each figure as PNG and SVG of its printed size, and its numbers as CSV; files of
    figures that no longer exist are deleted."""
    kept = set()
    for figure in figures:
        stem = folder / figure.name
        write_bytes(stem.with_suffix(".svg"), figure.drawing.svg())
        write_bytes(stem.with_suffix(".png"), figure.drawing.png())
        text = figure.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_bytes(stem.with_suffix(".csv"), text.encode())
        kept |= {f"{figure.name}{suffix}" for suffix in (".svg", ".png", ".csv")}
    for path in folder.glob("*"):
        if path.is_file() and path.name not in kept:
            path.unlink()
