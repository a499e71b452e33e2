"""From the candidates of a run to the chosen ensemble and its out-of-fold score.

Shape suffixes: N images, C candidates, K classes, H x W pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from raytrain.config.job import JobSpec
from raytrain.config.steps import STEP_SPECS, InsideStep, PerClassStep
from raytrain.config.trial import TrialSpec
from raytrain.data.folds import Folds
from raytrain.data.report import DataReport
from raytrain.engine.run import Run
from raytrain.engine.tasks import fold_tasks
from raytrain.engine.trial import open_samples
from raytrain.ensemble.choose import Options, choose
from raytrain.ensemble.oof_maps import candidate_maps
from raytrain.ensemble.plan import Plan, nested_evidence
from raytrain.ensemble.pool import Labeled, Pool, Setting
from raytrain.ensemble.score import oof_score
from raytrain.ensemble.tta import tried_groups
from raytrain.metrics.evaluation import confusion
from raytrain.metrics.oof_file import OofEvidence
from raytrain.runs.ensemble import Candidate, Comparison
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.joined import Joined, joined_dir, read_joined
from raytrain.runs.messages import say
from raytrain.runs.oof import candidate_oof_paths

PIXELS = 30_000_000
"""Number of pixels, in whole groups of images, at which the choice looks."""


@dataclass(frozen=True)
class Selection:
    """The chosen ensemble of a run."""

    candidates: tuple[Candidate, ...]
    """Each with its own out-of-fold score, and without networks."""
    plan: Plan
    comparisons: tuple[Comparison, ...]
    disagreement: tuple[tuple[float, ...], ...]
    chosen_on: int
    """Number of labeled images at which the choice looked."""
    evidence: OofEvidence
    """The nested evidence of the ensemble."""
    score: dict[str, Any]
    """Its score, as in `Ensemble.oof`."""


def select(run: Run, specs: list[TrialSpec]) -> Selection:
    """Choose the ensemble from these configurations and the teammates' maps.

    Raises ValueError when out-of-fold maps are missing, or a teammate joined on other folds.
    """
    job, report, folds = run.job, run.report, run.folds
    candidates = [_candidate(run, spec) for spec in specs]
    candidates += [_teammate(run, each) for each in read_joined(run.folder).values()]
    maps = [candidate_maps(run.folder, each, folds.val_ids, report) for each in candidates]
    pool = Pool(maps, _labeled(run), len(report.classes), report.target, job.competition.metric)
    looked_at = pool.drawn(PIXELS)
    say(
        f"choosing the ensemble from {len(candidates)} candidates, on "
        f"{len(looked_at.labeled.fold_N)} of {len(pool.labeled.fold_N)} labeled images"
    )
    plan, comparisons = choose(looked_at, _options(job, report, folds, candidates))
    ids = tuple(id for part in folds.val_ids for id in part)
    groups = tuple(map(str, pool.labeled.groups_N))
    evidence = nested_evidence(pool, plan)
    count_KK, disagreement_CC = _masks_compared(pool, plan)
    found = oof_score(evidence, pool.labeled.groups_N, pool.metric, count_KK)
    return Selection(
        candidates=tuple(_scored(pool, plan, place, each) for place, each in enumerate(candidates)),
        plan=plan,
        comparisons=tuple(comparisons),
        disagreement=tuple(map(tuple, disagreement_CC.tolist())),
        chosen_on=len(looked_at.labeled.fold_N),
        evidence=OofEvidence(ids, groups, evidence, pool.metric),
        score=found.as_dict(),
    )


def _candidate(run: Run, spec: TrialSpec) -> Candidate:
    tasks = fold_tasks(run, spec)
    trained = tuple(task.fingerprint for task in tasks)
    candidate = Candidate(
        name=spec.label,
        folds=trained,
        fingerprint=fingerprint(trained),
        tried=tried_groups(run.job, tasks[0].spec, run.report),
        oof={},
    )
    paths = candidate_oof_paths(run.folder, candidate)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ValueError(
            f"{spec.label} lacks {len(missing)} of {len(paths)} files of out-of-fold maps; run "
            "`raytrain cv` with the same job first"
        )
    return candidate


def _teammate(run: Run, joined: Joined) -> Candidate:
    if (joined.folds, joined.data) != (run.folds.hash, run.report.fingerprint):
        raise ValueError(
            f"{joined.name} joined this ensemble on other data or folds; "
            f"run `raytrain ensemble` with --remove {joined.name}"
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


def _options(
    job: JobSpec, report: DataReport, folds: Folds, candidates: list[Candidate]
) -> Options:
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
    """Return the candidate with its own score, with the views that it keeps."""
    alone = tuple(int(at == place) for at in range(len(pool.candidates)))
    [evidence] = pool.evidence([Setting(alone, plan.chosen.views)])
    found = oof_score(evidence, pool.labeled.groups_N, pool.metric, None)
    return candidate.model_copy(update={"oof": found.as_dict()})


def _masks_compared(pool: Pool, plan: Plan) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the confusion count_KK of the ensemble (None if classes overlap), and share_CC: the
    share of the pixels on which two candidates differ."""
    count = len(pool.candidates)
    alone = [
        Setting(tuple(int(at == place) for at in range(count)), plan.chosen.views)
        for place in range(count)
    ]
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
