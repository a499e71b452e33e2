"""Temperature calibration of out-of-fold maps."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from raytrain.config.target import IGNORE, Target
from raytrain.ensemble.calibration import PIXELS, calibrated, fitted_temperature, sampled
from raytrain.runs.soft import temperatures_text


def drawn(target: Target, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """prob_KHW, and a mask_HW that is drawn from these probabilities."""
    rng = np.random.default_rng(seed)
    logit_KHW = rng.normal(0, 2, (3, 64, 64))
    if target == "single_label":
        prob_KHW = softmax(logit_KHW, 0)
        edges_KHW = prob_KHW.cumsum(0)
        return prob_KHW, (rng.random((64, 64)) > edges_KHW).sum(0).clip(0, 2)
    prob_KHW = expit(logit_KHW)
    layers_KHW = rng.random(prob_KHW.shape) < prob_KHW
    return prob_KHW, (layers_KHW * 2 ** np.arange(3)[:, None, None]).sum(0)


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
@pytest.mark.parametrize("wrong_by", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_what_made_probabilities_too_certain(
    target: Target, wrong_by: float
) -> None:
    """Labels are drawn from known probabilities. Maps that are `wrong_by` times as certain get the
    temperature `wrong_by`, and become the known probabilities again."""
    maps = [drawn(target, seed) for seed in range(6)]
    given = [(calibrated(prob_KHW, 1 / wrong_by, target), mask_HW) for prob_KHW, mask_HW in maps]
    pixels = [sampled(prob_KHW, mask_HW, target) for prob_KHW, mask_HW in given]
    temperature = fitted_temperature(pixels, target)
    assert temperature == pytest.approx(wrong_by, rel=0.05)
    back_KHW = calibrated(given[0][0], temperature, target)
    np.testing.assert_allclose(back_KHW, maps[0][0], atol=0.03)


def test_by_hand() -> None:
    prob_KHW = np.array([0.8, 0.2])[:, None, None]
    # Odds of 4 become odds of 2 at temperature 2.
    assert calibrated(prob_KHW, 2, "single_label").ravel() == pytest.approx([2 / 3, 1 / 3])
    assert calibrated(prob_KHW, 2, "multi_label").ravel() == pytest.approx([2 / 3, 1 / 3])
    assert calibrated(prob_KHW, 1, "single_label").ravel() == pytest.approx([0.8, 0.2])


def test_unlabeled_pixels_and_most_pixels_of_large_images_are_left_out() -> None:
    prob_KHW, mask_HW = drawn("single_label")
    mask_HW = np.where(np.arange(64) < 32, IGNORE, mask_HW)
    prob_KN, true_KN = sampled(prob_KHW, mask_HW, "single_label")
    assert prob_KN.shape == true_KN.shape == (3, 64 * 32)
    assert (true_KN.sum(0) == 1).all()
    large_KHW = np.zeros((2, 300, 300))
    assert sampled(large_KHW, np.zeros((300, 300)), "single_label")[0].shape[1] <= PIXELS


def test_maps_that_hold_zeros_are_finite() -> None:
    prob_KHW = np.array([1, 0], np.float16)[:, None, None]
    pixels = sampled(prob_KHW, np.ones((1, 1), int), "single_label")
    assert np.isfinite(fitted_temperature([pixels], "single_label"))
    assert np.isfinite(calibrated(prob_KHW, 2, "single_label")).all()


@pytest.mark.parametrize(("right", "end"), [(True, 0.10), (False, 10.00)])
def test_a_temperature_at_an_end_of_the_range_is_named(right: bool, end: float) -> None:
    """Maps that are always right, or always wrong, need no finite temperature."""
    prob_KHW = np.stack([np.full((8, 8), 0.6), np.full((8, 8), 0.4)])
    pixels = sampled(prob_KHW, np.full((8, 8), 0 if right else 1), "single_label")
    temperature = fitted_temperature([pixels], "single_label")
    assert temperatures_text([temperature, 1.2]) == (
        f"the temperatures of the teachers are {end:.2f}, 1.20; 1 of 2 at an end of the range 0.1 "
        "to 10, so these soft labels may not be calibrated"
    )
    inside = temperatures_text([0.11, 1.2, 9.8])
    assert inside == "the temperatures of the teachers are 0.11, 1.20, 9.80"
