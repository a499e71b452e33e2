"""The end of an axis that shows what converges."""

import math

import numpy as np
import pandas as pd
import pytest

from raytrain.report.study_lines import Curve, ceiling


def curve(*values: float) -> Curve:
    epochs = range(1, len(values) + 1)
    return Curve(pd.DataFrame({"mean": values, "low": values, "high": values}, index=epochs))


@pytest.mark.parametrize(
    ("lines", "most"),
    [
        ([curve(1.4, 0.6, 0.3, 0.25, 0.2)], None),
        ([curve(1.4, 0.6, 0.3, 90.0, 0.2)], 1.4),
        ([curve(1.4, 0.6, 90.0, 5e3, 7e5)], 10),
        ([curve(1.4, 0.6, 0.3), curve(3e4, 3e4, 3e4)], 10),
        ([curve(1.4, 0.6, 0.3), curve(4.0, 2.0, 1.0)], None),
        ([curve(1.4, math.inf, 0.3, math.nan, 0.2)], None),
        ([curve()], None),
    ],
)
def test_what_diverges_is_above_the_axis(lines: list[Curve], most: float | None) -> None:
    finite = [Curve(line.table[np.isfinite(line.table["mean"])]) for line in lines]
    top = ceiling(finite)
    assert (top is None) == (most is None)
    assert top is None or most is None or 1.4 <= top <= most
