"""Figures per class, in addition to the metric.

Shape suffixes: N images, K classes, 3 = true positives, false positives, false negatives (pixels).
"""

from typing import Any

import numpy as np

from raytrain.config.metrics import (
    AccuracyMetricSpec,
    DiceMetricSpec,
    F1MetricSpec,
    IoUMetricSpec,
    PrecisionMetricSpec,
    RecallMetricSpec,
)
from raytrain.metrics.evidence import Evidence, deviations, means
from raytrain.metrics.overlap import accuracy, fractions, overlap

OF_CLASS = (
    "pixels", "precision", "recall", "f1", "dice", "dice_sd", "dice_set", "iou", "iou_sd",
    "iou_set", "hausdorff95", "hausdorff95_sd",
)  # fmt: skip
"""Figures of one class. Precision, recall and F1 are over the whole set, as in scikit-learn. Dice
and IoU are means over images with their standard deviation, and over the set (`_set`, "volume
Dice"). Hausdorff distances are in px."""
OF_FOREGROUND = ("dice", "dice_set", "iou", "iou_set", "hausdorff95")
"""Figures that also have a mean over the classes without the background."""
REPORT = (PrecisionMetricSpec(), RecallMetricSpec(), F1MetricSpec())


def class_table(counts_NK3: np.ndarray) -> dict[str, Any]:
    """Return lists over all classes, background first.

    `dice` and `iou` are means over images with their `_sd` (0/0 is 1); with `_set` they are over
    the whole set. `precision`, `recall` and `f1` are over the set, as in scikit-learn's
    classification report (0/0 is 0), with `macro_` and `weighted_` means. `pixels` are those of the
    truth. `accuracy` is a single number.
    """
    evidence = Evidence(counts_NK3)
    table: dict[str, Any] = {"accuracy": accuracy(AccuracyMetricSpec(), evidence)}
    for spec in (DiceMetricSpec(background=True), IoUMetricSpec(background=True)):
        score_NK = fractions(spec, counts_NK3)
        whole = spec.model_copy(update={"over": "set"})
        table[spec.name] = means(score_NK).tolist()
        table[f"{spec.name}_sd"] = deviations(score_NK).tolist()
        table[f"{spec.name}_set"] = fractions(whole, counts_NK3)[0].tolist()
    for report in REPORT:
        table[report.name] = fractions(report, counts_NK3)[0].tolist()
        table[f"macro_{report.name}"] = overlap(report, evidence)
        weighted = report.model_copy(update={"average": "weighted"})
        table[f"weighted_{report.name}"] = overlap(weighted, evidence)
    table["pixels"] = (counts_NK3[..., 0] + counts_NK3[..., 2]).sum(0).tolist()
    return table


def class_rows(table: dict[str, Any], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the table as one row per class, and three rows of means: over the foreground classes
    that occur in the truth and, with the background as in scikit-learn, macro and weighted."""
    keys = [key for key in OF_CLASS if key in table]
    rows: list[dict[str, Any]] = [
        {"class": name, **{key: table[key][number] for key in keys}}
        for number, name in enumerate(classes)
    ]
    shared = [key for key in OF_FOREGROUND if key in table]
    shown = [k for k in range(1, len(classes)) if table["pixels"][k]] or range(1, len(classes))
    mean = {key: float(np.mean([table[key][k] for k in shown])) for key in shared}
    rows.append({"class": "foreground mean", **mean})
    for kind in ("macro", "weighted"):
        figures: dict[str, Any] = {spec.name: table[f"{kind}_{spec.name}"] for spec in REPORT}
        rows.append({"class": f"{kind} mean", **figures})
    return rows
