"""Every metric, and the parameters that matter most: what contract tests run over."""

from typing import Any

from pydantic import TypeAdapter

from raytrain.config.metrics import MetricSpec

FORMS: list[Any] = [
    "dice",
    {"name": "dice", "over": "set"},
    {"name": "dice", "empty": 0},
    {"name": "dice", "empty": "skip", "average": "weighted"},
    "iou",
    {"name": "iou", "over": "set", "background": True},
    "mean_average_precision",
    "precision",
    {"name": "recall", "average": "weighted"},
    {"name": "f1", "over": "images", "empty": "skip"},
    {"name": "fbeta", "beta": 0.5},
    "accuracy",
    {"name": "accuracy", "over": "images"},
    "hausdorff",
    {"name": "hausdorff", "percentile": 95, "one_empty": "skip", "both_empty": "skip"},
    "cross_entropy",
    {"name": "cross_entropy", "class_weights": [0.1, 0.3, 0.3, 0.2]},
    "focal",
    {"name": "focal", "gamma": 1, "alpha": [0.8, 0.2, 0.2, 0.2]},
    "soft_dice",
    {"name": "soft_dice", "size": [9, 7], "background": True},
    "soft_iou",
    {"name": "f1", "only": 1},
    {
        "name": "weighted",
        "terms": [
            {"weight": 0.7, "metric": {"name": "dice", "over": "set"}},
            {"weight": 0.01, "metric": {"name": "hausdorff", "percentile": 95}},
            {"weight": 0.1, "metric": "cross_entropy"},
        ],
    },
]
SPECS: list[MetricSpec] = [TypeAdapter(MetricSpec).validate_python(form) for form in FORMS]
