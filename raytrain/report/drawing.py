"""Drawing of figures as inline SVG. Text stays text, colors are CSS variables, and nothing external
is referenced.

The same figures are written as SVG and PNG for print. matplotlib's objects are used without pyplot,
so no figure stays in memory and no setting is shared.
"""

import base64
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raytrain.report.palette import INK, LINE, MUTED, VARIABLES

WIDTH_IN, HEIGHT_IN = 5.2, 3.2
PRINT_DPI, PAGE_DPI = 300, 130
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    # Class names and paths may contain dollar signs.
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.linewidth": 1.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.solid_capstyle": "round",
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Drawing:
    """One figure, for the page and for print."""

    figure: Figure
    alt: str
    """Description of the figure, which is unique on a page."""

    def element(self) -> Markup:
        """Return the figure as an inline SVG element of the page."""
        return _element(self.svg.decode(), self.alt)

    @cached_property
    def svg(self) -> bytes:
        """The figure as an SVG file in its own colors."""
        return self._saved("svg", dict.fromkeys(("Creator", "Date", "Format", "Type")), PRINT_DPI)

    def png(self) -> bytes:
        """Return the figure as a PNG file on white, for print."""
        return self._saved("png", {"Software": None}, PRINT_DPI)

    def address(self) -> str:
        """Return the figure as a data URL of a PNG file for the page, for figures of
        photographs."""
        content = self._saved("png", {"Software": None}, PAGE_DPI)
        return f"data:image/png;base64,{base64.b64encode(content).decode()}"

    def _saved(self, format: str, metadata: dict[str, None], dpi: int) -> bytes:
        out = io.BytesIO()
        placed: dict[Any, Any] = {"figure.constrained_layout.use": False, "svg.hashsalt": self.alt}
        with matplotlib.rc_context({**STYLE, **placed}):
            if self.figure.get_layout_engine() is not None:
                # Placing the parts takes most of the time, so it is done for the first format only.
                # matplotlib draws a figure twice that has an engine, even the one called "none".
                self.figure.draw_without_rendering()
                self.figure.set_layout_engine(None)
            self.figure.savefig(
                out, format=format, dpi=dpi, metadata=metadata, transparent=format == "svg"
            )
        return out.getvalue()


def drawing(alt: str, size_in: tuple[float, float], plot: Callable[[Figure], None]) -> Drawing:
    """Return a figure of this width and height, which `plot` draws; `alt` describes it."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size_in)
        plot(figure)
    return Drawing(figure, alt)


def draw(
    alt: str, title: str, x: str, height_in: float, plot: Callable[[Figure, Axes], None]
) -> Markup:
    """Return a figure with one pair of axes, which `plot` draws, as an SVG element of the page."""

    def one(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set_title(title)
        axes.set_xlabel(x)
        plot(figure, axes)

    return drawing(alt, (WIDTH_IN, height_in), one).element()


def _element(text: str, alt: str) -> Markup:
    text = text[text.index("<svg") :]
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    name = html.escape(alt, quote=True)
    text = f'<svg {box[0]} role="img" aria-label="{name}">' + text[text.index(">") + 1 :]
    # A style for all elements would apply to the whole page, and an unreferenced id would be
    # repeated in every figure.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    return Markup(re.sub(r'style="[^"]*"', _page_style, text))


def _page_style(found: re.Match[str]) -> str:
    """Return the same style with the page's font and colors."""
    style = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", found[0])
    style = re.sub(r"font-family: [^;\"]*;? ?", "", style)
    for color, variable in VARIABLES.items():
        style = style.replace(color, f"var(--{variable})")
    return style
