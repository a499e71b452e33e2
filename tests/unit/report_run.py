"""A run directory built by hand from real files, up to any station; no network is trained.

As a program, with a folder, it writes one there and prints the path of its page.
"""

import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec, JobSpec
from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.schedulers import AshaSpec
from raytrain.config.search import SearchSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.checks import inspect
from raytrain.data.report import DataReport
from raytrain.data.report import write_report as write_report_table
from raytrain.pipeline.report import page_of as served_page
from raytrain.pipeline.report import report as write_report
from raytrain.runs.ensemble import Candidate, Network
from raytrain.runs.files import write_bytes, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.history import best_row, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import write_maps
from raytrain.runs.oof import CrossValidation, read_cross_validation, write_cross_validation
from raytrain.runs.record import Record, Station, Status, task_fingerprint
from raytrain.runs.search_log import RungEvent, append_event
from raytrain.search.leaderboard import write_leaderboard
from raytrain.submission.events import Event, Score
from tests.runs import ensemble_of
from tests.support import ledger_in
from tests.unit.report_truth import (
    CLASSES,
    EPOCHS,
    FOLDS,
    HEIGHT,
    WIDTH,
    draw,
    maps_of,
    oof_summary,
    specs,
    truth_of,
)

STATIONS = ("check", "search", "cv", "finalize", "predict", "encode", "submit")


def build(
    folder: Path, last: str, classes: tuple[str, ...] = CLASSES, run: str = "first"
) -> RunDir:
    """Everything that the stations up to `last` leave under `folder`/runs/shapes/`run`."""
    competition = CompetitionSpec(
        name="shapes",
        data=str(folder / "data"),
        classes=classes,
        group="(N+1)//2",
        metric=DiceMetricSpec(over="set"),
    )
    job = JobSpec(
        competition=competition,
        search=SearchSpec(trials=4, scheduler=AshaSpec(grace=1, factor=2)),
        folds=FoldSpec(count=2),
        trial=TrialSpec(epochs=EPOCHS),
        storage=str(folder / "runs"),
    )
    draw(folder / "data")
    directory = RunDir(folder / "runs" / "shapes" / run)
    data = inspect(competition)
    write_report_table(directory.data_report, data)
    write_json(directory.config, job.model_dump(mode="json"))
    steps = {"search": _search, "cv": _cv, "finalize": _finalize, "predict": _predict}
    steps |= {"encode": _encode, "submit": _submit}
    for station in STATIONS[1 : STATIONS.index(last) + 1]:
        steps[station](directory, data)
    return directory


def _record(
    run: RunDir,
    data: DataReport,
    station: Station,
    spec: TrialSpec,
    fold: str,
    epochs: int = EPOCHS,
    top: float | None = None,
) -> Record:
    name = task_fingerprint(spec, data.fingerprint, fold, 1)
    rows = [
        {"epoch": epoch, "train_loss": 2 / epoch, "lr": spec.optimizer.lr, "seconds": 1.5,
         "samples_per_s": 40.0, "ranks": 1}
        | ({} if top is None else {"val_loss": 3 / epoch, "val_dice": 0.9 * top * epoch / EPOCHS,
                                   "val_score": top * epoch / EPOCHS,
                                   "val_dice_per_class": [top, top]})
        for epoch in range(1, epochs + 1)
    ]  # fmt: skip
    status: Status = "stopped" if epochs < EPOCHS else "finished"
    record = Record(
        name=f"{station}_unet_{name[:4]}",
        fingerprint=name,
        station=station,
        status=status,
        reason=f"at the rung of epoch {epochs}" if status == "stopped" else None,
        spec=spec,
        data=data.fingerprint,
        fold=fold,
        workers=1,
        ranks=1,
        epochs=epochs,
        best=best_row(rows),
        last=rows[-1],
        notes=[],
        shipped=None,
        seconds=1.5 * epochs,
        versions={"python": "3.11.9", "torch": "2.11.0"},
    )
    write_history(run.trial(name).history, rows)
    write_json(run.trial(name).record, record.model_dump(mode="json"))
    return record


def _search(run: RunDir, data: DataReport) -> None:
    for spec, epochs, top in zip(specs(), (4, 4, 2, 1), (0.91, 0.83, 0.62, 0.4), strict=True):
        record = _record(run, data, "search", spec, "split", epochs, top)
        for rung in (1, 2):
            if rung <= epochs:
                event = RungEvent(
                    trial=record.fingerprint,
                    name=record.name,
                    epoch=rung,
                    val_dice=0.9 * top * rung / EPOCHS,
                    val_score=top * rung / EPOCHS,
                    decision="stop" if rung == epochs else "go on",
                )
                append_event(run.events, event)
    write_leaderboard(run)
    write_json(run.searched, {})


def _cv(run: RunDir, data: DataReport) -> None:
    hash = fingerprint(FOLDS)
    folds = {"hash": hash, "data": data.fingerprint, "spec": {"count": 2, "seed": 0},
             "val_ids": FOLDS}  # fmt: skip
    write_json(run.folds, folds)
    run.oof.mkdir()
    rng = np.random.default_rng(0)
    members: list[tuple[str, ...]] = []
    for spec, noise in zip(specs()[:2], (0.9, 1.4), strict=True):
        trials: list[str] = []
        for fold, ids in enumerate(FOLDS):
            record = _record(run, data, "cv", spec, f"fold{fold}-{hash[:4]}", top=0.7)
            trials.append(record.fingerprint)
            truth = np.stack([truth_of(data, id) for id in ids])
            one_hot = np.moveaxis(np.eye(len(data.classes))[truth], -1, 1)
            maps = np.exp(2 * one_hot + noise * rng.normal(size=one_hot.shape))
            maps /= maps.sum(1, keepdims=True)
            write_maps(run.oof / f"{record.fingerprint}.npy", maps, data.map_shapes(tuple(ids)))
        members.append(tuple(trials))
    write_cross_validation(run, CrossValidation(folds=hash, members=tuple(members)))


def _finalize(run: RunDir, data: DataReport) -> None:
    members, maps = [], [maps_of(run, data, member) for member in (0, 1)]
    found = read_cross_validation(run)
    assert found is not None
    for place, spec in enumerate(specs()[:2]):
        # No validation: it trained on every label, for as long as its folds say.
        record = _record(run, data, "final", spec.model_copy(update={"until": EPOCHS - 1}), "all")
        checkpoint = f"trials/{record.fingerprint}/checkpoints/epoch_0004.pt"
        network = Network(fingerprint=record.fingerprint, checkpoint=checkpoint, ranks=1)
        member = Candidate(
            name=f"unet{place}",
            fingerprint=record.fingerprint,
            networks=(network,),
            folds=found.members[place],
            oof=oof_summary(data, maps[place]),
        )
        members.append(member)
    oof = oof_summary(data, np.mean(maps, axis=0))
    ensemble = ensemble_of(members, oof, fingerprint(FOLDS), data.fingerprint, len(FOLDS))
    write_json(run.ensemble, ensemble.model_dump(mode="json"))


def _predict(run: RunDir, data: DataReport) -> None:
    write_bytes(run.masks / "ensemble.txt", b"e45e3b1e0000")
    for id in data.ids("test"):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[4:9, 5:12] = 1
        Image.fromarray(mask).save(run.masks / f"{id}.png")


def _encode(run: RunDir, data: DataReport) -> None:
    lines = [f"{id}_mask{number},85 5" for id in data.ids("test") for number in (1, 2)]
    write_bytes(run.submission, "\n".join(["id,encoding", *lines, ""]).encode())


def _submit(run: RunDir, data: DataReport) -> None:
    event = Event(
        kind="prepared",
        tag="first-0001",
        time=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
        competition="shapes",
        run=run.path.name,
        file=str(run.submission),
        sha256=sha256(run.submission.read_bytes()).hexdigest(),
        rows=2 * len(data.ids("test")),
        score=Score(mean=0.8123, low=0.8, high=0.83),
        members=("a", "b"),
    )
    ledger = ledger_in(run)
    ledger.append(event)
    failed = {"kind": "failed", "reason": "the quota is used up", "step": 1}
    ledger.append(event.model_copy(update=failed))
    ledger.append(event.model_copy(update={"kind": "sent", "ref": 4711, "step": 2}))


def page_of(run: RunDir) -> Path:
    """The written report of a run."""
    return write_report(run, ledger_in(run))


def page_alone(run: RunDir) -> Path:
    """The page of a report without its figures for print, which take most of the time.

    `test_report.py` compares it with the whole report's.
    """
    write_bytes(run.report, served_page(run, ledger_in(run), 0).encode())
    return run.report


if __name__ == "__main__":
    print(page_of(build(Path(sys.argv[1]), STATIONS[-1])))
