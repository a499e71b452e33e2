"""Facts about the training images of a task: their normalization, the pixels of each class, and the
content of a checkpoint's `.json`."""

from typing import Any

import numpy as np

from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Scaling, imagenet_scaling
from raytrain.data.framing import network_size
from raytrain.data.report import DataReport, columns, mean_and_std
from raytrain.runs.history import Row
from raytrain.runs.record import Task


def task_scaling(spec: TrialSpec, report: DataReport, train_rows: np.ndarray) -> Scaling:
    """Return the normalization: ImageNet's, or one computed from the training images alone."""
    if spec.normalization == "imagenet":
        return imagenet_scaling(report.channels)
    mean, std = mean_and_std(report.samples.select_dtypes("number").iloc[train_rows])
    return Scaling(mean, std, per_image=spec.normalization == "image")


def class_pixels(report: DataReport, train_rows: np.ndarray) -> tuple[int, ...]:
    """Return the number of pixels of each class in the training images."""
    rows = report.samples.select_dtypes("number").iloc[train_rows]
    return tuple(map(int, columns(rows, "pixels").sum(0)))


def lacking_classes(report: DataReport, train_rows: np.ndarray) -> list[str]:
    """Return a note for each foreground class that no training image shows."""
    return [
        f"class {report.classes[number]} has no labeled pixel in the {len(train_rows)} training "
        "images: it cannot be learned"
        for number, pixels in enumerate(class_pixels(report, train_rows))
        if number and not pixels
    ]


def card_of(task: Task, report: DataReport, scaling: Scaling, row: Row) -> dict[str, Any]:
    """Return the content of a checkpoint's `.json`: settings, classes, normalization, and `row`,
    the figures of its epoch."""
    return {
        "spec": task.spec.model_dump(mode="json"),
        "classes": list(report.classes),
        "target": report.target,
        "channels": report.channels,
        "dtype": report.dtype,
        "size": list(network_size(task.spec.framing, report.largest)),
        "scaling": {"mean": scaling.mean, "std": scaling.std, "per_image": scaling.per_image},
        "data": task.data,
        "metrics": row,
    }
