"""`probe`: the largest batch sizes that fit into a worker's memory, measured where trials run.

It changes no trial: batch sizes come from the YAML, so they are a part of every fingerprint.
"""

from pathlib import Path
from typing import Any

from raytrain.config.models import PixelsBase
from raytrain.engine.largest import probe_batches
from raytrain.engine.memory import GB
from raytrain.engine.run import Run
from raytrain.engine.tasks import held_out, make_task
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import open_samples
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task


def probe(run: Run) -> dict[str, Any]:
    """Measure the largest batches of the job's trial on one worker, and return the content of
    `batches.json`.

    Raises ValueError when a batch of one image does not fit, and for pixel classifiers, which have
    no batches.
    """
    trial, folder = run.job.trial, run.folder
    if isinstance(trial.model, PixelsBase):
        raise ValueError(
            f"probe: {trial.model.label} does not train in batches, so there is nothing to measure"
        )
    task = make_task(run, "train", trial, held_out(run), workers=1)
    make_trainable([task], run)
    run.backend.map_shards("probe", _probe, [task])
    remedy = "delete it and run `raytrain probe` again"
    found: dict[str, Any] = read_json(folder.batches, remedy)
    if "reason" in found:
        raise ValueError(found["reason"])
    return found


def probe_text(found: dict[str, Any]) -> str:
    """Return the measurements and the settings to use, as text."""
    training, evaluation = found["training"]["images"], found["evaluation"]["images"]
    return (
        f"{_line('training', found['training'])}\n"
        f"{_line('evaluation', found['evaluation'])}\n"
        f"for one worker, set trial: {{batch_size: {training}, evaluation_batch: {evaluation}}}"
    )


def _line(what: str, found: dict[str, Any]) -> str:
    text = f"{what}: {found['images']} images at once take {found['took'] / GB:.3g} GB of "
    text += f"{found['free'] / GB:.3g} GB free memory"
    return text + ("; these are all available images" if found["all_fit"] else "")


def _probe(task: Task) -> list[Path]:
    run = RunDir(task.run)
    try:
        found: dict[str, Any] = probe_batches(task, open_samples(run))
    except ValueError as error:
        found = {"reason": str(error)}
    write_json(run.batches, found)
    return [run.batches]
