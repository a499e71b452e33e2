"""Figures as files for print, with their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from raytrain.report.drawing import Drawing
from raytrain.runs.files import write_bytes
from raytrain.runs.mirror import remove

WIDTH_IN = 6.9
"""Width of a figure in inches, the text width of a printed page."""


@dataclass(frozen=True)
class PrintedFigure:
    """One figure with its numbers."""

    name: str
    """Name of the figure's files, without suffix."""
    caption: str
    drawing: Drawing
    data: pd.DataFrame


WRITTEN = ".written"
"""Name of the file that lists the files of the last call, one per line."""


def write_figures(folder: Path, figures: Sequence[PrintedFigure], kept: str | None = None) -> None:
    """Write each figure as PNG and SVG of its printed size, and its numbers as CSV.

    Files of an earlier call are deleted if their figures no longer exist. Other files stay. With
    `kept`, earlier figures whose names begin with this word stay, too.
    """
    names: set[str] = set()
    for figure in figures:
        stem = folder / figure.name
        write_bytes(stem.with_suffix(".svg"), figure.drawing.svg)
        write_bytes(stem.with_suffix(".png"), figure.drawing.png())
        text = figure.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_bytes(stem.with_suffix(".csv"), text.encode())
        names |= {f"{figure.name}{suffix}" for suffix in (".svg", ".png", ".csv")}
    listed = folder / WRITTEN
    for name in listed.read_text("utf-8").splitlines() if listed.is_file() else ():
        if kept and name.startswith(kept):
            names.add(name)
        elif name not in names:
            remove(folder / name)
    if names or listed.is_file():
        write_bytes(listed, "".join(f"{name}\n" for name in sorted(names)).encode())
