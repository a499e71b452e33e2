"""The steps from the candidates of a run to the chosen ensemble and its out-of-fold score.

Shape suffixes: N images, C candidates, K classes, H x W pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from raytrain.config.steps import STEP_SPECS, InsideStep, PerClassStep
from raytrain.engine.run import Run
from raytrain.engine.tasks import Recipe, fold_tasks
from raytrain.engine.trial import open_samples
from raytrain.ensemble.choose import Options, choose, with_students
from raytrain.ensemble.greedy import only
from raytrain.ensemble.nested import Plan, nested_evidence
from raytrain.ensemble.oof_maps import candidate_maps
from raytrain.ensemble.pool import Labeled, Pool
from raytrain.ensemble.score import oof_score
from raytrain.ensemble.tta import tried_groups
from raytrain.metrics.evaluation import confusion
from raytrain.metrics.oof_file import OofEvidence
from raytrain.runs.ensemble import PIXELS, Candidate, Choice, Comparison, looked_at
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.joined import Joined, joined_dir, read_joined
from raytrain.runs.messages import counted, say
from raytrain.runs.oof import candidate_oof_paths


@dataclass(frozen=True)
class Selection:
    """The chosen ensemble of a run."""

    recipes: tuple[Recipe | None, ...]
    """How each candidate is trained; None for the maps of a teammate."""
    candidates: tuple[Candidate, ...]
    """The candidates, each with its own out-of-fold score, and without networks."""
    plan: Plan
    comparisons: tuple[Comparison, ...]
    disagreement: tuple[tuple[float, ...], ...]
    """For each pair of candidates, the share of pixels on which their masks differ."""
    chosen_on: int
    """Number of labeled images from which the ensemble was chosen."""
    evidence: OofEvidence
    """The nested evidence of the ensemble."""
    score: dict[str, Any]
    """The out-of-fold score, as in `Ensemble.oof`."""


def select(run: Run, recipes: list[Recipe]) -> Selection:
    """Choose the ensemble from these configurations and the teammates' maps.

    Raises ValueError when out-of-fold maps are missing, or a teammate's maps belong to other folds.
    """
    candidates = [_candidate(run, recipe) for recipe in recipes]
    mates = [_teammate(run, each) for each in read_joined(run.folder).values()]
    candidates += mates
    pool = _pool(run, candidates)
    part = pool.drawn(PIXELS)
    images = looked_at(len(part.labeled.fold_N), len(pool.labeled.fold_N))
    say(f"choosing the ensemble from {counted(len(candidates), 'candidate')}, on {images}")
    plan, rows = choose(part, _options(run, candidates))
    return _selection(run, [*recipes, *(None for _ in mates)], candidates, pool, plan, rows)


def select_students(run: Run, selection: Selection, students: Mapping[int, Recipe]) -> Selection:
    """Return the selection with students in place of members, if they raise the nested score.

    `students` maps the index of a member to its student. Raises ValueError when out-of-fold maps of
    a student are missing.
    """
    before = len(selection.candidates)
    candidates = [*selection.candidates, *(_candidate(run, each) for each in students.values())]
    pool = _pool(run, candidates)

    def padded(choice: Choice) -> Choice:
        weights = choice.weights + (0,) * len(students)
        views = choice.views + ((),) * len(students)
        return choice.model_copy(update={"weights": weights, "views": views})

    places = {member: before + number for number, member in enumerate(students)}
    plan, row = with_students(
        pool.drawn(PIXELS), _options(run, candidates), selection.plan.changed(padded), places
    )
    recipes, rows = [*selection.recipes, *students.values()], [*selection.comparisons, row]
    return _selection(run, recipes, candidates, pool, plan, rows)


def _pool(run: Run, candidates: Sequence[Candidate]) -> Pool:
    report, metric = run.report, run.job.competition.metric
    maps = [candidate_maps(run.folder, each, run.folds.val_ids, report) for each in candidates]
    return Pool(maps, _labeled(run), len(report.classes), report.target, metric)


def _selection(
    run: Run, recipes: Sequence[Recipe | None], candidates: Sequence[Candidate], pool: Pool,
    plan: Plan, comparisons: Sequence[Comparison],
) -> Selection:  # fmt: skip
    """Return the selection with the scores of the plan and of each candidate on all images."""
    ids = tuple(id for part in run.folds.val_ids for id in part)
    groups = tuple(map(str, pool.labeled.groups_N))
    evidence = nested_evidence(pool, plan)
    count_KK, disagreement_CC = _masks_compared(pool, plan)
    found = oof_score(evidence, pool.labeled.groups_N, pool.metric, count_KK)
    return Selection(
        recipes=tuple(recipes),
        candidates=tuple(_scored(pool, plan, place, each) for place, each in enumerate(candidates)),
        plan=plan,
        comparisons=tuple(comparisons),
        disagreement=tuple(map(tuple, disagreement_CC.tolist())),
        chosen_on=len(pool.drawn(PIXELS).labeled.fold_N),
        evidence=OofEvidence(ids, groups, evidence, pool.metric),
        score=asdict(found),
    )


def _candidate(run: Run, recipe: Recipe) -> Candidate:
    tasks = fold_tasks(run, recipe)
    trained = tuple(task.fingerprint for task in tasks)
    candidate = Candidate(
        name=recipe.label,
        folds=trained,
        fingerprint=fingerprint(trained),
        tried=tried_groups(run.job, tasks[0].spec, run.report),
        oof={},
    )
    paths = candidate_oof_paths(run.folder, candidate)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ValueError(
            f"{recipe.label} lacks {len(missing)} of {len(paths)} files of out-of-fold maps; run "
            "`raytrain cv` with the same job first"
        )
    return candidate


def _teammate(run: Run, joined: Joined) -> Candidate:
    if (joined.folds, joined.data) != (run.folds.hash, run.report.fingerprint):
        raise ValueError(
            f"the maps of {joined.name} were added for other data or folds; remove them with "
            f"`raytrain ensemble JOB.yaml --remove {joined.name}`"
        )
    folder = joined_dir(run.folder, joined.name).path.relative_to(run.folder.path)
    return Candidate(name=joined.name, maps=str(folder), fingerprint=joined.fingerprint, oof={})


def _labeled(run: Run) -> Labeled:
    """Return the labeled images in the order of the folds."""
    cache, val_ids = open_samples(run.folder).cache, run.folds.val_ids
    rows = [cache.rows(ids) for ids in val_ids]
    of_images = run.report.samples.set_index("id").loc[[id for ids in val_ids for id in ids]]
    return Labeled(
        fold_N=np.repeat(np.arange(len(val_ids)), [len(ids) for ids in val_ids]),
        number_N=np.concatenate([np.arange(len(ids)) for ids in val_ids]),
        groups_N=of_images["group"].to_numpy().astype(str),
        truth=lambda fold, number: cache.mask(int(rows[fold][number])),
        pixels_N=(of_images["height"] * of_images["width"]).to_numpy(),
    )


def _options(run: Run, candidates: Sequence[Candidate]) -> Options:
    job, report, folds = run.job, run.report, run.folds
    steps: list[type[PerClassStep] | InsideStep] = []
    for step in job.predict.tried_steps(len(report.classes), report.target):
        if step.inner is not None and step.outer is not None:
            inner, outer = map(report.classes.index, (step.inner, step.outer))
            steps.append(InsideStep(inner=inner, outer=outer))
        else:
            steps.append(STEP_SPECS[step.name])
    networks = {"retrained": 1, "folds": len(folds.val_ids), "both": 1 + len(folds.val_ids)}
    return Options(
        most=job.finalize.members or len(candidates),
        views=tuple(each.tried for each in candidates),
        steps=tuple(steps),
        networks=tuple(0 if each.maps else networks[job.ship] for each in candidates),
        names=tuple(each.name for each in candidates),
        classes=report.classes,
    )


def _scored(pool: Pool, plan: Plan, place: int, candidate: Candidate) -> Candidate:
    """Return the candidate with its own out-of-fold score, computed with the views that it
    keeps."""
    [evidence] = pool.evidence([only(place, plan.chosen.views)])
    found = oof_score(evidence, pool.labeled.groups_N, pool.metric, None)
    return candidate.model_copy(update={"oof": asdict(found)})


def _masks_compared(pool: Pool, plan: Plan) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the ensemble's confusion matrix count_KK (None if classes overlap), and share_CC, the
    share of the pixels on which two candidates differ."""
    count = len(pool.candidates)
    alone = [only(place, plan.chosen.views) for place in range(count)]
    count_KK = np.zeros((pool.classes, pool.classes), np.int64)
    differing_CC, pixels = np.zeros((count, count), np.int64), 0
    for fold, number in zip(pool.labeled.fold_N, pool.labeled.number_N, strict=True):
        true_HW = pool.labeled.truth(int(fold), int(number))
        pred_HW, *each = pool.masks([plan.nested[fold], *alone], int(fold), int(number))
        pred_CHW = np.stack(each)
        differing_CC += (pred_CHW[:, None] != pred_CHW[None]).sum((2, 3))
        pixels += true_HW.size
        if pool.target == "single_label":
            count_KK += confusion(pred_HW[None], true_HW[None], pool.classes)
    return count_KK if pool.target == "single_label" else None, differing_CC / pixels
