"""`train`: train the default trial on the given split, or on the first fold."""

from raytrain.config.job import JobSpec
from raytrain.data.report import DataReport
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.tasks import held_out, make_task, run_to_end
from raytrain.pipeline.trainable import make_trainable
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, read_record


def train(job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace) -> Record:
    """Train `job.trial`, validate on the val split or the first fold, and return its record."""
    fold = held_out(job, run, report)
    task = make_task(job, run, report, "train", job.trial, fold, workers=1)
    make_trainable([task], report, run)
    run_to_end([task], workplace, "train")
    record = read_record(task.trial_dir)
    assert record is not None
    return record
