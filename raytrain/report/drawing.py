"""Drawing of figures as inline SVG: text stays text, colors are CSS variables, and nothing external
is referenced.

matplotlib's objects are used without pyplot, so no figure is retained and no setting is shared.
"""

import html
import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raytrain.report.palette import INK, LINE, MUTED, VARIABLES

WIDTH_IN, HEIGHT_IN = 5.2, 3.2
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


def draw(
    alt: str, title: str, x: str, height_in: float, plot: Callable[[Figure, Axes], None]
) -> Markup:
    """Draw one figure with one pair of axes as an element of the page; `alt` describes it and must
    be unique on the page."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": alt}):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        axes = figure.add_subplot()
        axes.set_title(title)
        axes.set_xlabel(x)
        plot(figure, axes)
        out = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing, transparent=True)
    return _element(out.getvalue(), alt)


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
    """Return the same style in the page's font and colors."""
    style = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", found[0])
    style = re.sub(r"font-family: [^;\"]*;? ?", "", style)
    for color, variable in VARIABLES.items():
        style = style.replace(color, f"var(--{variable})")
    return style
