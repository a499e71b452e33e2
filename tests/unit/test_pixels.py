"""Pixel classifiers: their filters, and their numbers against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from raytrain.config.models import ModelSpec, PixelsBase, PixelsForestSpec
from raytrain.models import build_model, refusal
from raytrain.models.pixels import PixelClassifier
from raytrain.models.pixels.filters import feature_count, filters
from tests.model_cases import PIXELS, label

SPECS = list(PIXELS.values())


def classifier(spec: ModelSpec, channels: int, classes: int) -> PixelClassifier:
    network = build_model(spec, channels, classes, None)
    assert isinstance(network, PixelClassifier)
    return network.eval()


@pytest.mark.parametrize("scale", [0.8, 1.0, 3.0])
def test_filters_are_those_of_scipy(scale: float) -> None:
    image_HW = np.random.default_rng(0).normal(size=(13, 17))
    found = filters(torch.from_numpy(image_HW)[None], (scale,)).numpy()
    assert len(found) == feature_count(1, (scale,)) == 8

    def derived(down: int, right: int) -> np.ndarray:
        return ndimage.gaussian_filter(image_HW, scale, (down, right), mode="nearest")

    def eigenvalues(yy: np.ndarray, xx: np.ndarray, yx: np.ndarray) -> np.ndarray:
        matrices = np.stack([np.stack([yy, yx], -1), np.stack([yx, xx], -1)], -1)
        return np.moveaxis(np.linalg.eigvalsh(matrices)[..., ::-1], -1, 0)

    gradients = derived(1, 0), derived(0, 1)
    products = [
        ndimage.gaussian_filter(a * b, scale, mode="nearest")
        for a, b in ((gradients[0],) * 2, (gradients[1],) * 2, gradients)
    ]
    expected = [
        image_HW,
        ndimage.gaussian_filter(image_HW, scale, mode="nearest"),
        ndimage.gaussian_gradient_magnitude(image_HW, scale, mode="nearest"),
        ndimage.gaussian_laplace(image_HW, scale, mode="nearest"),
        *eigenvalues(derived(2, 0), derived(0, 2), derived(1, 1)),
        *eigenvalues(*products),
    ]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-10)


def test_channels_are_filtered_by_themselves() -> None:
    image_CHW = torch.randn(3, 9, 11, generator=torch.Generator().manual_seed(0))
    together = filters(image_CHW, (1.0, 2.0)).unflatten(0, (-1, 3))
    for channel in range(3):
        alone = filters(image_CHW[channel][None], (1.0, 2.0))
        torch.testing.assert_close(together[:, channel], alone)


def reference(spec: Any) -> Any:
    """scikit-learn's own classifier."""
    if spec.name == "pixels_logistic":
        logistic = LogisticRegression(C=spec.c, class_weight="balanced", max_iter=1000)
        return make_pipeline(StandardScaler(), logistic)
    if spec.name == "pixels_forest":
        return RandomForestClassifier(
            spec.trees, max_leaf_nodes=spec.leaves, max_depth=spec.depth,
            class_weight="balanced", random_state=5,
        )  # fmt: skip
    return HistGradientBoostingClassifier(
        learning_rate=spec.rate, max_bins=spec.bins, max_iter=spec.rounds,
        max_leaf_nodes=spec.leaves, max_depth=spec.depth, class_weight="balanced",
        early_stopping=False, random_state=5,
    )  # fmt: skip


@pytest.mark.parametrize("spec", SPECS, ids=label)
@pytest.mark.parametrize("present", [(0, 1), (0, 1, 2), (0, 2), (1, 2)])
def test_probabilities_are_scikit_learns(spec: ModelSpec, present: tuple[int, ...]) -> None:
    network = classifier(spec, 1, 3)
    rng = np.random.default_rng(1)
    class_P = rng.choice(present, 400, p=[0.7, *[0.3 / (len(present) - 1)] * (len(present) - 1)])
    feature_PF = rng.normal(size=(400, network.features)).astype(np.float32)
    feature_PF[:, 2] += 2 * class_P
    network.fit(feature_PF, class_P, np.array([1, 1, 1]), seed=5)
    with torch.no_grad():
        prob_PK = network.pixel_logits(torch.from_numpy(feature_PF)).double().softmax(1).numpy()
    other = reference(spec).fit(feature_PF, class_P)
    np.testing.assert_allclose(
        prob_PK[:, list(present)], other.predict_proba(feature_PF), atol=2e-5
    )
    assert prob_PK.sum() == pytest.approx(400)


def test_a_threshold_between_two_float32_numbers_sends_both_to_their_sides() -> None:
    network = classifier(PixelsForestSpec(trees=1, leaves=2, depth=1, scales=(1.0,)), 1, 2)
    # Half way between them, the threshold would be rounded up to the higher one.
    low = np.nextafter(np.float32(4), np.float32(5))
    feature_PF = np.zeros((20, network.features), np.float32)
    feature_PF[:, 3] = np.where(np.arange(20) < 10, low, np.nextafter(low, np.float32(5)))
    class_P = (np.arange(20) >= 10).astype(np.int64)
    for seed in range(20):  # some draw the feature that tells
        network.fit(feature_PF, class_P, np.array([1, 1]), seed)
        with torch.no_grad():
            pred_P = network.pixel_logits(torch.from_numpy(feature_PF)).argmax(1).numpy()
        if np.array_equal(pred_P, class_P):
            return
    pytest.fail("never told apart")


@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_the_prior_of_the_images_shifts_the_logits(spec: PixelsBase) -> None:
    rng = np.random.default_rng(1)
    class_P = rng.integers(0, 2, 200)
    plain = classifier(spec, 1, 2)
    shifted = classifier(spec.model_copy(update={"prior": "pixels"}), 1, 2)
    feature_PF = rng.normal(size=(200, plain.features)).astype(np.float32)
    for network in (plain, shifted):
        network.fit(feature_PF, class_P, np.array([300, 100]), seed=0)
    with torch.no_grad():
        logits = [n.pixel_logits(torch.from_numpy(feature_PF)) for n in (plain, shifted)]
    expected = torch.tensor([0.75, 0.25]).log().expand(200, 2)
    torch.testing.assert_close(logits[1] - logits[0], expected)


@pytest.mark.parametrize("spec", SPECS, ids=label)
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 4), (5, 1)])
def test_any_size_channels_and_classes(spec: ModelSpec, channels: int, classes: int) -> None:
    assert refusal(spec, channels, classes, 65, 33) is None
    assert classifier(spec, channels, classes)(torch.zeros(2, channels, 7, 5)).shape == (
        2, classes, 7, 5,
    )  # fmt: skip


def test_pixels_of_one_class_are_refused() -> None:
    network = classifier(SPECS[0], 1, 3)
    feature_PF = np.zeros((4, network.features), np.float32)
    with pytest.raises(ValueError, match="pixels of class 2 only"):
        network.fit(feature_PF, np.full(4, 2), np.ones(3), seed=0)
