"""`self_train`: train the members again, also on the test images with soft labels.

The soft labels are calibrated maps of the ensemble. The student of a fold learns from teachers that
never saw the images of the fold, so the out-of-fold score stays honest. Students replace members
only if they raise the nested score.
"""

from collections.abc import Mapping
from dataclasses import replace

from raytrain.backend.counting import Counting, files_there
from raytrain.config.models import PixelsBase
from raytrain.engine.run import Run
from raytrain.engine.tasks import Recipe, fold_tasks
from raytrain.ensemble.final_length import chosen_kind
from raytrain.ensemble.select import Selection, select_students
from raytrain.ensemble.shares import MemberShare, shares
from raytrain.ensemble.teacher import Teacher, write_soft_labels
from raytrain.pipeline.cv import cv
from raytrain.pipeline.train import forget_damaged, run_to_end
from raytrain.runs.ensemble import Choice
from raytrain.runs.files import read_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.messages import counted, say
from raytrain.runs.record import Task
from raytrain.runs.soft import REMEDY, SoftSource, soft_path, temperatures_text

Members = Mapping[int, list[Task]]
"""Index of a member among the candidates -> its trainings on the folds."""


def self_train(run: Run, selection: Selection) -> Selection:
    """Return the selection after self-training, with the students if they are better.

    Raises ValueError that names each training that failed.
    """
    assert run.job.self_train is not None
    share, plan = run.job.self_train.share, selection.plan
    choices = (*plan.nested, plan.chosen)
    members = {
        place: fold_tasks(run, recipe)
        for place, recipe in enumerate(selection.recipes)
        if recipe is not None
        and not isinstance(recipe.spec.model, PixelsBase)
        and any(choice.weights[place] for choice in choices)
    }
    if not all(any(choice.weights[place] for place in members) for choice in choices):
        say("self_train: not done, because the ensemble of at least one fold has no network")
        return selection
    tasks = [task for each in members.values() for task in each]
    forget_damaged(tasks)
    run_to_end(tasks, run, f"models of {counted(len(run.folds.val_ids), 'fold')}")
    teachers = [
        _teacher(run, selection, members, choice, fold) for fold, choice in enumerate(plan.nested)
    ]
    teachers.append(_teacher(run, selection, members, plan.chosen, None))
    names = " and ".join(selection.candidates[place].name for place in members)
    say(
        f"self-training: students of {names}; {len(teachers)} teachers label "
        f"{len(run.report.ids('test'))} test images, which are {share:.0%} of an epoch"
    )
    paths = [soft_path(run.folder, each.fingerprint) for each in teachers]
    missing = [each for each, path in zip(teachers, paths, strict=True) if not path.is_file()]
    if missing:
        backend = run.backend
        there = files_there(paths)
        with Counting("finalize", run.folder, len(paths), "label file", there):
            backend.map_shards("soft labels", write_soft_labels, missing)
    found = [read_json(path.with_suffix(".json"), REMEDY)["temperature"] for path in paths]
    say(f"soft labels: {temperatures_text(found)}")
    *of_folds, final = (SoftSource(teacher=each.fingerprint, share=share) for each in teachers)
    students = {place: _student(selection, place, tuple(of_folds), final) for place in members}
    cv(run, [*(each for each in selection.recipes if each is not None), *students.values()])
    taught = select_students(run, selection, students)
    *before, row = taught.comparisons
    row = row.model_copy(update={"temperatures": tuple(found)})
    return replace(taught, comparisons=(*before, row))


def _teacher(
    run: Run, selection: Selection, members: Members, choice: Choice, unseen: int | None
) -> Teacher:
    """Return the teacher that never saw this fold. Without a fold, it consists of the models of all
    folds."""
    places = [place for place in members if choice.weights[place]]
    weights = tuple(choice.weights[place] for place in places)
    views = tuple(choice.views[place] for place in places)
    used = [members[place] if unseen is None else [members[place][unseen]] for place in places]
    kinds = [chosen_kind(members[place]).label for place in places]
    parts = [
        MemberShare(weight, own, tuple(task.trial_dir.checkpoints / f"{kind}.pt" for task in tasks))
        for weight, own, kind, tasks in zip(weights, views, kinds, used, strict=True)
    ]
    trained = [[task.fingerprint for task in tasks] for tasks in used]
    return Teacher(
        run=run.folder.path,
        fingerprint=fingerprint(trained, kinds, weights, views, unseen, run.folds.hash),
        networks=shares(parts)[0],
        candidates=tuple(selection.candidates[place] for place in places),
        choice=Choice(weights=weights, views=views),
        val_ids=run.folds.val_ids,
        unseen=unseen,
    )


def _student(
    selection: Selection, place: int, of_folds: tuple[SoftSource, ...], final: SoftSource
) -> Recipe:
    recipe = selection.recipes[place]
    assert recipe is not None
    return Recipe(recipe.spec, of_folds, final)
