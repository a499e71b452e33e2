"""Colors that color-blind readers can distinguish (Okabe & Ito 2008), and the page's own colors.

Figures are drawn in the light colors below. On the page, each color becomes a CSS variable, so that
the dark scheme can replace it.
"""

CLASS_COLOURS = ("#e69f00", "#56b4e9", "#cc79a7", "#009e73", "#d55e00", "#0072b2", "#f0e442")
"""Colors of the classes 1, 2, 3, ... Further classes begin again with the first color."""

SERIES_COLOURS = ("#0173b2", "#de8f05", "#029e74", "#d55e01", "#cc78bc", "#56b3e8", "#8c6d1f")
"""Colors of the combinations of network and loss. Combinations without a color of their own are
drawn in `REST`."""

REST = "#8a9099"
INK = "#23282e"
MUTED = "#667079"
LINE = "#d5dae0"
ACCENT = "#0b6aa8"
STOP = "#c4501b"
PAPER = "#fefefe"

VARIABLES = {
    REST: "rest",
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    ACCENT: "accent",
    STOP: "stop",
    PAPER: "paper",
    **{color: f"series-{place}" for place, color in enumerate(SERIES_COLOURS)},
}
"""Color -> name of its CSS variable."""


def class_color(number: int) -> str:
    """Return the color of the class with this mask value, 1 or more."""
    return CLASS_COLOURS[(number - 1) % len(CLASS_COLOURS)]


def series_colors(labels: list[str]) -> dict[str, str]:
    """Return the color of each label. In the order of first appearance, labels get different colors
    until none is left, and then `REST`."""
    colors = (*SERIES_COLOURS, *[REST] * len(labels))
    return dict(zip(dict.fromkeys(labels), colors, strict=False))
