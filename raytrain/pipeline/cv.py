"""`cv`: train the best configurations on every fold, and write out-of-fold probability maps for all
labeled images. The model that predicts an image has never seen the image's group."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from raytrain.backend.counting import Counting, files_there
from raytrain.config.codes import CodedError
from raytrain.config.predict import VIEW_COUNTS, ViewGroup
from raytrain.data.folds import Folds
from raytrain.engine.run import Run
from raytrain.engine.tasks import Recipe, fold_tasks
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import open_samples
from raytrain.engine.views import GROUPS, IDENTITY
from raytrain.ensemble.final_length import chosen_kind
from raytrain.ensemble.prediction import member_probabilities
from raytrain.ensemble.tta import tried_groups
from raytrain.pipeline.train import forget_damaged, run_to_end
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import write_maps
from raytrain.runs.messages import counted, say
from raytrain.runs.oof import CrossValidation, oof_path, write_cross_validation
from raytrain.runs.record import Task
from raytrain.search.configurations import configurations
from raytrain.search.leaderboard import ranked
from raytrain.search.proposable import note_present


@dataclass(frozen=True)
class OofShard:
    """The held-out images of one fold, for one configuration and one group of views."""

    task: Task
    checkpoint: Path
    views: ViewGroup | None
    """A group of views; None for the images without changes."""
    target: Path


def candidate_recipes(run: Run) -> list[Recipe]:
    """Return the best configurations of this job's leaderboard, with the number of epochs to train
    them.

    Raises ValueError when there are too few scored configurations.
    """
    note_present(run)
    scored = [each.spec for each in configurations(ranked(run.folder)) if each.mean is not None]
    members = run.job.finalize.members or 1
    if len(scored) < members:
        raise CodedError(
            "missing",
            f"finalize.members: {members} members need as many scored configurations, but the "
            f"leaderboard has {len(scored)} of this job; run `raytrain search` first, or lower "
            "finalize.members",
        )
    epochs = run.job.finalize.epochs
    chosen = scored[: run.job.candidates]
    return [Recipe(spec if epochs is None else spec.laid_out_for(epochs)) for spec in chosen]


def cv(run: Run, recipes: list[Recipe]) -> Folds:
    """Train these configurations on all folds, all in parallel, and write `oof/`."""
    folder, folds = run.folder, run.folds
    members = [fold_tasks(run, recipe) for recipe in recipes]
    tasks = [task for member in members for task in member]
    make_trainable(tasks, run)
    trials = tuple(tuple(task.fingerprint for task in member) for member in members)
    write_cross_validation(folder, CrossValidation(folds=folds.hash, members=trials))
    # Once the maps exist, the weights are needed only if they are shipped.
    forget_damaged(
        [task for task in tasks if not all(path.is_file() for path in _targets(run, task).values())]
    )
    run_to_end(tasks, run, f"cross-validation, {counted(len(folds.val_ids), 'fold')}")
    shards = [shard for member in members for shard in _shards(run, member)]
    missing = [shard for shard in shards if not shard.target.is_file()]
    if missing:
        passes = sum(1 if each.views is None else VIEW_COUNTS[each.views] for each in missing)
        images = sum(map(len, folds.val_ids))
        say(
            f"out-of-fold maps: {images} images of {counted(len(recipes), 'configuration')}, "
            f"{passes / len(folds.val_ids):g} network passes for each image"
        )
        backend = run.backend
        there = files_there([shard.target for shard in shards])
        with Counting("cv", folder, len(shards), "map file", there):
            backend.map_shards("out-of-fold maps", write_oof, missing)
    return folds


def _targets(run: Run, task: Task) -> dict[ViewGroup | None, Path]:
    """Return the files for the out-of-fold maps of a fold: for the images as they are, and for each
    group of views."""
    views = (None, *tried_groups(run.job, task.spec, run.report))
    return {each: oof_path(run.folder, task.fingerprint, each) for each in views}


def _shards(run: Run, member: list[Task]) -> Iterator[OofShard]:
    """Yield the shards of one configuration's folds. All folds use the same kind of weights."""
    kind = chosen_kind(member)
    for task in member:
        checkpoint = task.trial_dir.checkpoints / f"{kind.label}.pt"
        for views, target in _targets(run, task).items():
            yield OofShard(task, checkpoint, views, target)


def write_oof(shard: OofShard) -> list[Path]:
    """Predict the held-out images with the fold's shipped weights and save their maps; returns the
    file.

    By default these are the last epoch's weights. `ship: best` and similar settings choose epochs
    on the same images that are predicted here, which makes the score slightly optimistic. They
    apply only if the user sets them.
    """
    samples = open_samples(RunDir(shard.task.run))
    ids = shard.task.val_ids
    views = (IDENTITY,) if shard.views is None else GROUPS[shard.views]
    maps = member_probabilities(shard.checkpoint, samples.cache, ids, views)
    write_maps(shard.target, maps, samples.report.map_shapes(ids))
    return [shard.target]
