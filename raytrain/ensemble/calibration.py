"""Calibrated probabilities: one temperature, fitted on out-of-fold maps (Guo et al. 2017).

Shape suffixes: K classes (without the background if they overlap), N pixels, h x W pixels.
"""

from collections.abc import Iterable

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from raytrain.config.target import IGNORE, Target, layer
from raytrain.runs.soft import TEMPERATURES

PIXELS = 4096
"""Largest number of pixels of an image at which the temperature is fitted, evenly spaced."""
LEAST = 1e-6
"""Probabilities are limited to LEAST .. 1 - LEAST before the logarithm, because stored maps hold 0
for small ones."""


def sampled(prob_KHW: np.ndarray, true_HW: np.ndarray, target: Target) -> tuple[np.ndarray, ...]:
    """Return prob_KN and truth_KN (0 or 1) of some labeled pixels of an image."""
    place = np.arange(0, true_HW.size, -(-true_HW.size // PIXELS))
    prob_KN, true_N = prob_KHW.reshape(len(prob_KHW), -1)[:, place], true_HW.ravel()[place]
    if target == "single_label":
        known_N = true_N != IGNORE
        prob_KN, true_N = prob_KN[:, known_N], true_N[known_N]
    first = 0 if target == "single_label" else 1
    layers = [layer(true_N, number, target) for number in range(first, first + len(prob_KN))]
    return prob_KN, np.stack(layers).astype(np.float64)


def fitted_temperature(pixels: Iterable[tuple[np.ndarray, ...]], target: Target) -> float:
    """Return the temperature with the lowest cross-entropy on the pixels of `sampled`.

    1 does not change the probabilities; a higher temperature makes them less certain.
    """
    probs, truths = zip(*pixels, strict=True)
    logit_KN = _logits(np.concatenate(probs, 1), target)
    true_KN = np.concatenate(truths, 1)

    def cost(log_temperature: float) -> float:
        scaled_KN = logit_KN / np.exp(log_temperature)
        if target == "single_label":
            return -float((true_KN * log_softmax(scaled_KN, 0)).sum())
        return float(np.logaddexp(0, np.where(true_KN > 0, -scaled_KN, scaled_KN)).sum())

    found = minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def calibrated(prob_KhW: np.ndarray, temperature: float, target: Target) -> np.ndarray:
    """Return the probabilities at a temperature, in the same shape."""
    logit_KhW = _logits(prob_KhW, target) / temperature
    if target == "single_label":
        return softmax(logit_KhW, 0)
    return 1 / (1 + np.exp(-logit_KhW))


def _logits(prob: np.ndarray, target: Target) -> np.ndarray:
    prob = np.clip(prob.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(prob) if target == "single_label" else np.log(prob) - np.log1p(-prob)
