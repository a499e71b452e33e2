"""`evaluate`: score masks against the truth: the ensemble's masks or, without an ensemble, those of
the training with the highest validation score.

An ensemble predicts images of train and val out of fold. A single training has seen the images of
train, and their set is named so. Images of test are predicted by the shipped members. Where the
truth of a test image is known, it is used only here.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.codes import CodedError
from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport, named_ids, read_report
from raytrain.data.samples import SampleFiles
from raytrain.engine.checkpoint import epoch_path, is_there
from raytrain.engine.views import IDENTITY
from raytrain.ensemble.oof_maps import OofMasks
from raytrain.ensemble.prediction import SHARD
from raytrain.ensemble.shares import NetworkShare
from raytrain.metrics.evaluation import Evaluation, Tally
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.metrics.table import OF_CLASS
from raytrain.pipeline.predict import PredictShard, predict_shard
from raytrain.report.facts import read_folds
from raytrain.runs.bar import bar
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.files import write_bytes
from raytrain.runs.jobs import read_job
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import send
from raytrain.runs.record import Record, read_records
from raytrain.submission.table import predicted_masks

COLUMNS = ("of", "set", "images", "class", *OF_CLASS)
OUT_OF_FOLD = {"train": "train, out of fold", "val": "val, out of fold"}
SEEN, HELD_OUT = "train, trained on", "held out"


@dataclass(frozen=True)
class Scores:
    """The figures of each set of images with a truth."""

    of: str
    """Whose masks they are: the ensemble's, or those of the named training."""
    classes: tuple[str, ...]
    sets: dict[str, Evaluation] = field(repr=False)
    file: Path
    """The CSV file with the scores of `sets`."""


def evaluate(run: RunDir) -> Scores:
    """Return the figures of each set of images with a truth, and write them as CSV.

    Raises ValueError when there is neither an ensemble nor a validated training, or when one of
    their maps or masks is missing.
    """
    best = None if run.ensemble.is_file() else _best_training(run)
    report = read_report(run.data_report)
    if best is None:
        name, masks, file = "the ensemble", _ensemble_masks(run, report), run.evaluation
    else:
        name, masks = best.name, _training_masks(run, report, best)
        file = run.trial(best.fingerprint).evaluation
    files, tallies = SampleFiles(report), dict[str, Tally]()
    for set, id, pred_HW in masks:
        tally = tallies.setdefault(set, Tally(len(report.classes), report.target))
        tally.add(pred_HW, files.mask(id))
    found = {set: tally.result() for set, tally in tallies.items()}
    write_scores(file, name, found, report.classes)
    send(run.path)
    return Scores(name, report.classes, found, file)


def _ensemble_masks(run: RunDir, report: DataReport) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield set, id and mask of each image with a truth, predicted by the ensemble."""
    ensemble, files = read_ensemble(run), SampleFiles(report)
    split_of = dict(zip(report.samples["id"], report.samples["split"], strict=True))
    for id, pred_HW in _out_of_fold(run, ensemble, report):
        yield OUT_OF_FOLD[split_of[id]], id, pred_HW
    if has_test_truth(report):
        for id, pred_HW in predicted_masks(run, report):
            if files.has_mask(id):
                yield "test", id, pred_HW


def _best_training(run: RunDir) -> Record:
    """Return the training with the highest validation score. The weights of its best epoch must
    exist. Raises ValueError when there is none."""
    known = [
        record
        for record in read_records(run)
        if record.best is not None
        and run.trial(record.fingerprint).evidence.is_file()
        and is_there(epoch_path(run.trial(record.fingerprint).checkpoints, record.best["epoch"]))
    ]
    if not known:
        raise CodedError(
            "missing",
            f"{run.path}: there is neither an ensemble nor a validated training with its weights; "
            "run `raytrain train`, `raytrain search` or `raytrain run` first",
        )
    return max(known, key=lambda record: (record.best or {})["val_score"])


def _training_masks(
    run: RunDir, report: DataReport, record: Record
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Predict with the weights of the best epoch, and yield set, id and mask of each image with a
    truth.

    The images that the job's report shows are predicted, too.
    """
    place, files, job = run.trial(record.fingerprint), SampleFiles(report), read_job(run)
    assert record.best is not None
    held_out = {*read_oof_evidence(place.evidence).ids}
    labeled = [id for id in report.samples["id"] if files.has_mask(id)]
    asked, _ = named_ids(report, job.report.images if job else ())
    ids = (*labeled, *(id for id in asked if id not in labeled))
    checkpoint = epoch_path(place.checkpoints, record.best["epoch"])
    networks = (NetworkShare(checkpoint, (IDENTITY,), 1),)
    starts = range(0, len(ids), SHARD)
    for start in bar(starts, f"evaluate: predicting {len(ids)} images", len(starts)):
        part = ids[start : start + SHARD]
        predict_shard(PredictShard(run.path, networks, (), (), part, place.masks))
    tests = {*report.ids("test")}
    for id in labeled:
        set = "test" if id in tests else HELD_OUT if id in held_out else SEEN
        yield set, id, decode_mask(place.masks / f"{id}.png")


def has_test_truth(report: DataReport) -> bool:
    """Return whether at least one test image has a mask."""
    samples = report.samples
    return bool(((samples["split"] == "test") & (samples["mask"] != "")).any())


def _out_of_fold(
    run: RunDir, ensemble: Ensemble, report: DataReport
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the id and the mask of each labeled image, predicted by members that never saw its
    group."""
    folds = read_folds(run.folds)
    val_ids = folds.val_ids if folds else ()
    masks = OofMasks(run, ensemble, val_ids, report)
    for fold, ids in enumerate(val_ids):
        for number, id in enumerate(ids):
            yield id, masks.mask(fold, number)


def write_scores(
    path: Path, of: str, found: dict[str, Evaluation], classes: tuple[str, ...]
) -> None:
    """Write the figures of each set of images as CSV. `of` says whose masks they are."""
    text = io.StringIO()
    rows = [(name, each.images, row) for name, each in found.items() for row in each.rows(classes)]
    columns = dict.fromkeys([*COLUMNS, *(key for _, _, row in rows for key in row)])
    writer = csv.DictWriter(text, [*columns], restval="", lineterminator="\n")
    writer.writeheader()
    for name, images, row in rows:
        shown = {key: _figure(value) for key, value in row.items()}
        writer.writerow({"of": of, "set": name, "images": images, **shown})
    write_bytes(path, text.getvalue().encode())


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
