"""`search --smoke`: build each value of every factor of a study, and train it for a few steps.

Only what takes time is reduced: images to `SIDE` pixels and `IMAGES`, epochs to `EPOCHS`, and a
U-Net's width to `WIDTH` unless a factor varies it. Networks start from random weights, so that
nothing is downloaded. Validation runs only if the trial depends on it, because BatchNorm's running
statistics are only a few steps old, and overflow at a high rate.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from raytrain.config.framing import ResizeSpec
from raytrain.config.models import PretrainedSpec, UNetBase
from raytrain.config.optimizers import PlateauSpec
from raytrain.config.shipping import EpochsSpec, LastSpec, SwaSpec, candidates
from raytrain.config.space import Given, covering, resolve, with_values
from raytrain.config.trial import TrialSpec
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.run import Run
from raytrain.engine.tasks import Fold, held_out, make_task
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import open_samples, run_trial
from raytrain.runs.files import read_json, write_json
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import remove_folder
from raytrain.runs.record import Task

FOLDER = ".smoke"
SIDE, IMAGES, EPOCHS, WIDTH = 64, 4, 2, 8


@dataclass(frozen=True)
class Smoked:
    """The trials that were tried, and the factors that they cover."""

    trials: int
    steps: int
    """Smallest number of steps that a trial took."""
    factors: tuple[str, ...]

    @property
    def text(self) -> str:
        factors = ", ".join(self.factors) or "no factor"
        return (
            f"smoke: {self.trials} trials cover every value of {factors}; each trained for at "
            f"least {self.steps} steps"
        )


def smoke(run: Run) -> Smoked:
    """Train all trials. Raises ValueError that lists every trial that failed."""
    tasks = _tasks(run)
    make_trainable(tasks, run)
    run.backend.map_shards("smoke", _train, tasks)
    found = [(task, read_json(_result(task), task.trial_dir.remedy)) for task in tasks]
    problems = [f"{task.name}: {tree['reason']}" for task, tree in found if "reason" in tree]
    remove_folder(run.folder.path / FOLDER)
    if problems:
        lines = "\n  ".join(problems)
        raise ValueError(
            f"smoke: {len(problems)} of {len(tasks)} trials failed; correct their settings in the "
            f"job\n  {lines}"
        )
    fewest = min(tree["steps"] for _, tree in found)
    return Smoked(len(tasks), fewest, tuple(run.job.search.space))


def _tasks(run: Run) -> list[Task]:
    job, fold = run.job, held_out(run)
    some_ids = fold.train_ids[:IMAGES]
    tasks: dict[str, Task] = {}
    for point in covering(job.search.space):
        spec = with_values(job.trial, resolve(job.search.space, Given(point)))
        spec = _small(spec, job.search.space)
        judged = fold.val_ids[:2] if _is_judged(spec) else ()
        few = Fold(fold.name, some_ids, judged)
        task = make_task(run, "search", spec, few, workers=1)
        folder = run.folder.path / FOLDER / task.fingerprint
        tasks[task.fingerprint] = replace(task, directory=folder)
    return list(tasks.values())


def _small(spec: TrialSpec, space: dict[str, Any]) -> TrialSpec:
    changes: dict[str, Any] = {
        "framing": ResizeSpec(height=SIDE, width=SIDE),
        "drop_last": False,  # so few images do not fill a batch
    }
    if isinstance(spec.model, PretrainedSpec):
        changes["model"] = spec.model.model_copy(update={"weights": None})
    elif isinstance(spec.model, UNetBase) and not {"model", "model.width"} & space.keys():
        changes["model"] = spec.model.model_copy(update={"width": min(spec.model.width, WIDTH)})
    return spec.laid_out_for(EPOCHS).model_copy(update=changes)


def _is_judged(spec: TrialSpec) -> bool:
    """Return whether the training or the shipped weights depend on validation figures."""
    watched = isinstance(spec.schedule, PlateauSpec) and spec.schedule.watch != "train_loss"
    kinds = candidates(spec.ship)
    blind = len(kinds) == 1 and isinstance(kinds[0], LastSpec | SwaSpec | EpochsSpec)
    return watched or spec.stop is not None or not blind


def _result(task: Task) -> Path:
    return task.directory.with_suffix(".json")


def _train(task: Task) -> list[Path]:
    """Train one task and write its number of steps, or why it failed; returns the file."""
    try:
        run_trial(task, open_samples(RunDir(task.run)), SilentReporter())
        rows = read_history(task.trial_dir.history)
        steps = sum(-(-row["images"] // task.spec.batch_size) for row in rows)
        write_json(_result(task), {"steps": steps})
    except (ValueError, RuntimeError) as error:
        write_json(_result(task), {"reason": str(error)})
    finally:
        shutil.rmtree(task.directory, ignore_errors=True)
    return [_result(task)]
