"""`cv`: train the best configurations on every fold, and write out-of-fold probability maps for all
labeled images. The model that predicts an image has never seen its group."""

from dataclasses import dataclass
from pathlib import Path

from raytrain.config.trial import TrialSpec
from raytrain.data.folds import Folds
from raytrain.engine.run import Run
from raytrain.engine.tasks import all_folds, make_task
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import open_samples
from raytrain.ensemble.final_length import chosen_kind
from raytrain.ensemble.prediction import member_probabilities
from raytrain.pipeline.train import forget_damaged, run_to_end
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import write_maps
from raytrain.runs.oof import CrossValidation, oof_path, write_cross_validation
from raytrain.runs.record import Task
from raytrain.search.configurations import configurations
from raytrain.search.leaderboard import ranked
from raytrain.search.proposable import note_present


@dataclass(frozen=True)
class OofShard:
    """The held-out images of one fold, for one configuration."""

    run: Path
    task: Task
    checkpoint: Path
    target: Path


def member_specs(run: Run) -> list[TrialSpec]:
    """Return the best configurations of this job's leaderboard, with the epochs they are trained
    for.

    Raises ValueError when there are too few scored configurations.
    """
    note_present(run)
    scored = [each.spec for each in configurations(ranked(run.folder)) if each.mean is not None]
    wanted = run.job.finalize.wanted(len(scored))
    if not scored or len(scored) < wanted:
        raise ValueError(
            f"finalize.members: {max(1, wanted)} members need as many scored configurations, but "
            f"the leaderboard has {len(scored)} of this job; run `raytrain search` first, or lower "
            "finalize.members"
        )
    epochs = run.job.finalize.epochs
    chosen = scored[:wanted]
    return chosen if epochs is None else [spec.laid_out_for(epochs) for spec in chosen]


def fold_tasks(run: Run, spec: TrialSpec) -> list[Task]:
    """Return one task per fold, in order."""
    return [make_task(run, "cv", spec, fold, workers=1) for fold in all_folds(run.folds)]


def cv(run: Run, specs: list[TrialSpec]) -> Folds:
    """Train these configurations on all folds, all in parallel, and write `oof/`."""
    folder, folds = run.folder, run.folds
    members = [fold_tasks(run, spec) for spec in specs]
    tasks = [task for member in members for task in member]
    make_trainable(tasks, run)
    trials = tuple(tuple(task.fingerprint for task in member) for member in members)
    write_cross_validation(folder, CrossValidation(folds=folds.hash, members=trials))
    # Once the maps exist, the weights are no longer needed.
    forget_damaged([task for task in tasks if not oof_path(folder, task.fingerprint).is_file()])
    run_to_end(tasks, run, f"cross-validation, {len(folds.val_ids)} folds")
    shards = [shard for member in members for shard in _shards(folder, member)]
    missing = [shard for shard in shards if not shard.target.is_file()]
    if missing:
        run.backend.map_shards("out-of-fold maps", write_oof, missing)
    return folds


def _shards(run: RunDir, member: list[Task]) -> list[OofShard]:
    """Return the shards of one configuration's folds; all use the same kind of weights."""
    kind = chosen_kind(member)
    return [
        OofShard(
            run.path,
            task,
            task.trial_dir.checkpoints / f"{kind.label}.pt",
            oof_path(run, task.fingerprint),
        )
        for task in member
    ]


def write_oof(shard: OofShard) -> None:
    """Predict the held-out images with the fold's shipped weights and save their maps.

    By default these are the last epoch's weights. `ship: best` and similar settings choose epochs
    on these very images, which makes the score slightly optimistic. They apply only if the user
    sets them.
    """
    samples = open_samples(RunDir(shard.run))
    ids = shard.task.val_ids
    maps = member_probabilities(shard.checkpoint, samples.cache, ids)
    write_maps(shard.target, maps, samples.report.map_shapes(ids))
