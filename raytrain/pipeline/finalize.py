"""`finalize`: choose the ensemble by out-of-fold evidence, and train its members on all labeled
images."""

from raytrain.config.job import JobSpec, most
from raytrain.config.models import PixelsBase
from raytrain.config.optimizers import PlateauSpec
from raytrain.config.space_draws import sample_trials
from raytrain.engine.run import Run
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.tasks import Fold, Recipe, fold_tasks, make_task
from raytrain.engine.trainable import make_trainable
from raytrain.ensemble.final_length import chosen_kind, final_spec
from raytrain.ensemble.select import Selection
from raytrain.metrics.oof_file import write_oof_evidence
from raytrain.pipeline.train import forget_damaged, run_to_end
from raytrain.runs.ensemble import Ensemble, Network, read_ensemble
from raytrain.runs.files import write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.messages import counted
from raytrain.runs.mirror import remove
from raytrain.runs.record import Task, read_record


def final_problems(job: JobSpec) -> list[str]:
    """Return, as a problem, the first setting of the job's trials that training on all labeled
    images, or on several workers, cannot use. It is found before the search starts."""
    if job.ship == "folds":
        return []
    for spec in sample_trials(job.search.space, job.trial, job.search.trials, job.search.seed):
        schedule = spec.schedule
        if isinstance(spec.model, PixelsBase):
            workers = most(job.finalize.workers)
            if workers > 1:
                return [
                    f"finalize.workers: {spec.model.label} trains on one worker, not {workers}; "
                    "set finalize.workers=1, or remove this model from the search"
                ]
            continue
        if isinstance(schedule, PlateauSpec) and schedule.watch != "train_loss":
            return [
                f"trial.schedule.watch: members train on all labeled images and have no "
                f"{schedule.watch}; choose train_loss, or a schedule other than plateau"
            ]
    return []


def finalize(run: Run, selection: Selection) -> Ensemble:
    """Train the members of a selection, and write the ensemble.

    Members that are shipped retrained are trained on train+val for as many epochs as their folds
    suggest. With `finalize.ship: folds` the networks are the models of the folds. Writes
    `final/ensemble.json` and the evidence for its score. The CSV and the evaluation of another
    ensemble are removed.
    """
    folder = run.folder
    weights = selection.plan.chosen.weights
    members = {
        place: recipe
        for place, (recipe, weight) in enumerate(zip(selection.recipes, weights, strict=True))
        if weight and recipe is not None
    }
    folds = {place: fold_tasks(run, recipe) for place, recipe in members.items()}
    retrained = {} if run.job.ship == "folds" else _retrained(run, members, folds)
    if run.job.ship != "retrained":
        tasks = [task for each in folds.values() for task in each]
        forget_damaged(tasks)
        run_to_end(tasks, run, f"models of {counted(len(run.folds.val_ids), 'fold')}")
    networks = {place: _networks(run, retrained.get(place), each) for place, each in folds.items()}
    ensemble = _ensemble(run, selection, networks)
    if folder.ensemble.is_file() and read_ensemble(folder).fingerprint != ensemble.fingerprint:
        remove(folder.submission, folder.evaluation)
    write_oof_evidence(folder.evidence, selection.evidence)
    write_json(folder.ensemble, ensemble.model_dump(mode="json"))
    return ensemble


def _retrained(
    run: Run, members: dict[int, Recipe], folds: dict[int, list[Task]]
) -> dict[int, Task]:
    """Train the members on all labeled images, and return their tasks."""
    ids = run.report.ids("train", "val")
    everything, workers = Fold("all", ids, ()), run.job.finalize.workers
    tasks = {
        place: make_task(
            run, "final", final_spec(each), everything, workers, members[place].final_soft
        )
        for place, each in folds.items()
    }
    make_trainable([*tasks.values()], run)
    forget_damaged([*tasks.values()])
    run_to_end([*tasks.values()], run, f"final training on all {len(ids)} labeled images")
    return tasks


def _networks(run: Run, retrained: Task | None, folds: list[Task]) -> tuple[Network, ...]:
    """Return the networks of a member that are shipped."""
    found = []
    if retrained is not None:
        found.append(_network(run, retrained, shipped_checkpoint(retrained.trial_dir).name))
    if run.job.ship != "retrained":
        kind = chosen_kind(folds)
        found += [_network(run, task, f"{kind.label}.pt") for task in folds]
    return tuple(found)


def _network(run: Run, task: Task, file: str) -> Network:
    record = read_record(task.trial_dir)
    assert record is not None
    path = task.trial_dir.checkpoints / file
    return Network(
        fingerprint=task.fingerprint,
        checkpoint=str(path.relative_to(run.folder.path)),
        ranks=record.ranks,
    )


def _ensemble(run: Run, selection: Selection, networks: dict[int, tuple[Network, ...]]) -> Ensemble:
    chosen = selection.plan.chosen
    candidates = tuple(
        candidate.model_copy(update={"networks": networks.get(place, ())})
        for place, candidate in enumerate(selection.candidates)
    )
    shipped = [
        [*(network.fingerprint for network in each.networks), each.fingerprint]
        for each, weight in zip(candidates, chosen.weights, strict=True)
        if weight
    ]
    return Ensemble(
        fingerprint=fingerprint(shipped, chosen.model_dump(mode="json")),
        candidates=candidates,
        chosen=chosen,
        nested=selection.plan.nested,
        comparisons=selection.comparisons,
        disagreement=selection.disagreement,
        chosen_on=selection.chosen_on,
        oof=selection.score,
        folds=run.folds.hash,
        data=run.report.fingerprint,
    )
