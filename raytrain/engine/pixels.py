"""The only epoch of a pixel classifier: sample pixels from every image, then fit.

Shape suffixes: B images, P pixels, F features, K classes, H x W pixels of an image.
"""

import time
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from raytrain.config.target import IGNORE
from raytrain.data.dataset import Batch
from raytrain.engine.loop import Training
from raytrain.engine.memory import device_used
from raytrain.engine.pace import Waited
from raytrain.models.pixels import PixelClassifier
from raytrain.runs.history import Row


def fit_epoch(training: Training, loader: DataLoader[Batch], history: Sequence[Row]) -> Row:
    """Fit the classifier to the training images, augmented as in the trial's spec; returns the
    epoch's row of the history.

    `train_loss` is the cross-entropy of the sampled pixels in nats. The number of pixels of a class
    that an image gives is limited, so that at most about `model.pixels` pixels of each class are in
    memory, for any number of images.
    """
    model = training.model
    assert isinstance(model, PixelClassifier)
    assert not history
    assert training.world.size == 1
    assert training.ema is None
    start = time.perf_counter()
    batches = Waited(loader)
    quota = -(-model.spec.pixels // len(loader.dataset))  # type: ignore[arg-type]
    feature_PF, class_P, frequency_K, images = _sampled(training, batches, model, quota)
    model.fit(feature_PF, class_P, frequency_K, training.spec.seed)
    device = training.world.device
    with torch.inference_mode():
        logits_PK = model.pixel_logits(torch.from_numpy(feature_PF).to(device))
        loss = functional.cross_entropy(logits_PK, torch.from_numpy(class_P).to(device))
    seconds = time.perf_counter() - start
    return {
        "epoch": 1,
        "train_loss": float(loss),
        "lr": training.optimizer.param_groups[0]["lr"],
        "seconds": round(seconds, 4),
        "samples_per_s": round(images / seconds, 2),
        "wait_share": round(batches.seconds / seconds, 4),
        "images": images,
        "ranks": 1,
        **device_used(training.world),
    }


def _sampled(
    training: Training, batches: Iterable[Batch], model: PixelClassifier, quota: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return feature_PF (float32) and class_P (int64) of the sampled pixels, frequency_K (the
    number of labeled pixels of each class in all images), and the number of images. Each image
    gives at most `quota` pixels of each class."""
    rng = np.random.default_rng(training.spec.seed)
    features, classes, images = [], [], 0
    frequency_K = np.zeros(model.classes, np.int64)
    for batch in batches:
        for image_CHW, mask_HW in zip(batch.image_BCHW, batch.target_BHW, strict=True):
            mask_P = mask_HW.numpy().ravel()
            frequency_K += np.bincount(mask_P[mask_P != IGNORE], minlength=model.classes)
            chosen = [
                rng.choice(place_P, min(quota, len(place_P)), replace=False)
                for place_P in (np.flatnonzero(mask_P == k) for k in range(model.classes))
            ]
            place_P = np.concatenate(chosen)
            with torch.inference_mode():
                feature_PF = model.pixel_features(image_CHW.to(training.world.device))
                features.append(feature_PF[torch.from_numpy(place_P)].cpu().numpy())
            classes.append(mask_P[place_P].astype(np.int64))
            images += 1
    return np.concatenate(features), np.concatenate(classes), frequency_K, images
