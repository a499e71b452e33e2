"""The drawn micro-CT slices have the published statistics; gray values alone do not solve them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from benchmarks.microct import MEAN, SD, draw_slice


def test_statistics_of_rows_d1_and_d2() -> None:
    drawn = [draw_slice(0, number) for number in range(20)]
    image_NHW, mask_NHW = (np.stack(each) for each in zip(*drawn, strict=True))
    assert (image_NHW.dtype, image_NHW.shape) == (np.uint8, (20, 256, 256))
    shares = np.bincount(mask_NHW.ravel()) / mask_NHW.size
    assert shares == pytest.approx([0.56, 0.04, 0.06, 0.34], abs=0.02)
    assert (image_NHW.mean(), image_NHW.std()) == pytest.approx((MEAN, SD), abs=1)
    gray_M1, label_M = image_NHW.reshape(-1, 1)[::101] / 255, mask_NHW.ravel()[::101]
    for weights in (None, "balanced"):
        model = LogisticRegression(class_weight=weights).fit(gray_M1, label_M)
        assert f1_score(label_M, model.predict(gray_M1), average="macro") < 0.6


def test_seed_and_number_determine_a_slice() -> None:
    again = zip(draw_slice(1, 2), draw_slice(1, 2), strict=True)
    assert all(np.array_equal(one, other) for one, other in again)
    assert not np.array_equal(draw_slice(1, 2)[1], draw_slice(1, 3)[1])
