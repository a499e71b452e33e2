"""`train`: train the default trial once, with the val split or the first fold held out, and predict
some held-out images for the report. The other stations train their tasks to the end here, too."""

from raytrain.backend.progress import Progress, views
from raytrain.engine.checkpoint import epoch_path, is_there
from raytrain.engine.run import Run
from raytrain.engine.shipped import shipped_fault
from raytrain.engine.tasks import held_out, make_task, say_once
from raytrain.engine.trainable import make_trainable
from raytrain.engine.views import IDENTITY
from raytrain.ensemble.shares import NetworkShare
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.pipeline.predict import PredictShard, predict_shard
from raytrain.report.oof import telling
from raytrain.report.training_section import image_dice
from raytrain.runs.mirror import remove
from raytrain.runs.record import (
    Record,
    Status,
    Task,
    is_complete,
    not_done,
    read_record,
    write_record,
)


def train(run: Run) -> Record:
    """Train `job.trial`, validate on the val split or the first fold, and return its record.

    Some held-out images are predicted, too, because the report shows their masks.
    """
    task = make_task(run, "train", run.job.trial, held_out(run), workers=1)
    make_trainable([task], run)
    run_to_end([task], run, "train")
    record = read_record(task.trial_dir)
    assert record is not None
    shard = _examples(task, record)
    if shard is not None:
        run.backend.map_shards("predict", predict_shard, [shard])
    return record


def _examples(task: Task, record: Record) -> PredictShard | None:
    """Return the images to predict with the weights of the best epoch. None if they are predicted,
    if there is no held-out image, or if the weights of that epoch were deleted."""
    place = task.trial_dir
    if record.best is None or not place.evidence.is_file():
        return None
    checkpoint = epoch_path(place.checkpoints, record.best["epoch"])
    ids = tuple(image.id for _, image in telling(image_dice(read_oof_evidence(place.evidence))))
    if not is_there(checkpoint) or all((place.masks / f"{id}.png").is_file() for id in ids):
        return None
    network = NetworkShare(checkpoint, (IDENTITY,), 1)
    return PredictShard(task.run, (network,), (), (), ids, place.masks)


def forget_damaged(tasks: list[Task]) -> None:
    """Mark finished trainings with damaged weights as not done, and print why."""
    for task in tasks:
        fault = shipped_fault(task.trial_dir) if is_complete(task) else None
        if fault is not None:
            say_once(f"{task.name} is trained again: {fault}")
            remove(task.trial_dir.record, task.trial_dir.shipped)


def run_to_end(tasks: list[Task], run: Run, title: str) -> None:
    """Train the tasks that are not done yet. Raises ValueError that names each training that
    failed."""
    todo = not_done(tasks)
    if not todo:
        return
    failed: list[Record] = []
    with Progress(title, todo, rungs=[], views=views(run)) as progress:
        for task in todo:
            progress.follow(task)

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            record = write_record(task, status, reason)
            progress.ended(record)
            if status == "failed":
                failed.append(record)

        run.backend.run_trials(todo, on_end)
    if failed:
        lines = "\n  ".join(f"{record.name}: {record.reason}" for record in failed)
        raise ValueError(
            f"{title}: {len(failed)} of {len(todo)} trainings failed; correct the causes, then run "
            f"the same command again\n  {lines}"
        )
