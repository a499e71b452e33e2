"""One pass over the validation set, or over the training set without augmentation."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import nn

from raytrain.config.metrics import MetricSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Scaling, Unit, units
from raytrain.data.framing import Frame
from raytrain.data.report import DataReport
from raytrain.engine.loop import Training
from raytrain.engine.step import Judging, evaluate
from raytrain.metrics import gathered, score
from raytrain.metrics.dice import foreground_dice, mean_foreground_dice
from raytrain.metrics.evidence import Evidence, occurring
from raytrain.metrics.oof_file import OofEvidence
from raytrain.runs.history import Row
from raytrain.runs.record import Task


@dataclass(frozen=True)
class Validation:
    """Images to evaluate, such as the validation images, and the metric."""

    report: DataReport
    cache: Cache
    rows: np.ndarray
    scaling: Scaling
    metric: MetricSpec
    measures: tuple[MetricSpec, ...] = ()
    """Metrics to compute in addition to `metric`, which decide nothing."""
    use: Literal["validation", "training"] = "validation"

    def with_ids(self, ids: tuple[str, ...], evidence: Evidence) -> OofEvidence:
        """Return the evidence together with the images' ids and groups."""
        groups = self.report.samples["group"].iloc[self.rows]
        return OofEvidence(ids, tuple(map(str, groups)), evidence, self.metric)


def scored_images(
    task: Task, report: DataReport, cache: Cache, scaling: Scaling
) -> tuple[Validation | None, Validation]:
    """Return the validation images, if there are any, and the training images."""
    val = Validation(report, cache, cache.rows(task.val_ids), scaling, task.metric, task.measures)
    train = replace(val, rows=cache.rows(task.train_ids), measures=(), use="training")
    return (val if task.val_ids else None), train


def validate(
    training: Training, weights: nn.Module, on: Validation, epoch: int
) -> tuple[Row, Evidence]:
    """Return val_loss, val_score (the metric), val_dice and val_dice_per_class over the set, and
    the evidence that they are computed from; the same on every worker.

    A unit is a batch of images, or a single image with tiles. Each worker evaluates whole units.
    The units do not depend on the number of workers, and so the figures do not, either. Raises
    ValueError when the loss is not finite.
    """
    spec, rows, beside = training.spec, on.rows, gathered(on.metric, *on.measures)
    frame = Frame(spec.framing, on.cache.largest)
    training.world.share_buffers(weights)
    judging = Judging(
        on.cache, frame, len(rows), len(on.report.classes), on.report.target, training.loss, beside
    )
    counts_NK3, loss_N, figures_NGK = evaluate(
        weights, _own_units(training, on, frame), judging, spec.precision, training.world,
        training.notes,
    )  # fmt: skip
    val_loss = float(loss_N.sum() / len(rows))
    if not math.isfinite(val_loss):
        names = on.cache.ids.take(rows[~loss_N.isfinite().cpu().numpy()][:5]).to_pylist()
        raise ValueError(
            f"the {on.use} loss is {val_loss} at epoch {epoch} (images {', '.join(names)}): "
            "lower optimizer.lr"
        )
    counts = counts_NK3.cpu().numpy()
    counted_K = occurring(counts)
    training.notes += [
        f"class {on.report.classes[number]} has no labeled pixel in the {len(rows)} {on.use} "
        "images: no score includes it"
        for number in np.flatnonzero(~counted_K)
    ]
    evidence = Evidence(counts, beside, figures_NGK.cpu().numpy(), counted_K)
    return {"val_loss": val_loss, **_scores(evidence, on)}, evidence


def _own_units(training: Training, on: Validation, frame: Frame) -> Iterator[tuple[int, Unit]]:
    """Yield this worker's units, each with the number of images before it in the set."""
    world, start = training.world, 0
    found = units(on.cache, frame, on.rows, on.scaling, training.spec.at_once)
    for number, unit in enumerate(found):
        training.watch.rest()
        if number % world.size == world.rank:
            yield start, unit
        start += len(unit.rows)


def _scores(evidence: Evidence, on: Validation) -> Row:
    """Return the score by the metric, the scores by the other measures, and the foreground's Dice:
    the mean, and that of each class. Classes that occur in no image are left out."""
    counts, counted_K = evidence.counts_NK3, evidence.counted_K
    assert counted_K is not None
    measured = {spec.label: score(spec, evidence) for spec in on.measures}
    return {
        "val_score": score(on.metric, evidence),
        "val_dice": mean_foreground_dice(counts if counted_K.all() else counts[:, counted_K]),
        "val_dice_per_class": [
            float(dice) if counted else None
            for dice, counted in zip(foreground_dice(counts), counted_K[1:], strict=True)
        ],
        **({"val_measures": measured} if measured else {}),
    }


def train_figures(training: Training, trained: Validation, epoch: int) -> Row:
    """Return train_score and train_dice if they are due after this epoch. They are scores of the
    training images, without augmentation, by this epoch's weights or their moving average."""
    every = training.spec.score_train_every
    if not every or epoch % every:
        return {}
    figures, _ = validate(training, training.kept, trained, epoch)
    return {f"train_{key}": figures[f"val_{key}"] for key in ("score", "dice")}
