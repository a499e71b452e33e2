"""`finalize`: train the members on all labeled images, and compute the ensemble's score."""

import numpy as np

from raytrain.config.job import JobSpec, most
from raytrain.config.metrics import MetricSpec
from raytrain.config.models import PixelsBase
from raytrain.config.optimizers import PlateauSpec
from raytrain.config.space_draws import sample_trials
from raytrain.config.trial import TrialSpec
from raytrain.data.folds import Folds
from raytrain.engine.run import Run
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.tasks import Fold, make_task
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import Samples, open_samples
from raytrain.ensemble.final_length import final_spec
from raytrain.ensemble.score import map_confusion, map_counts, map_figures, oof_score
from raytrain.metrics import gathered
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence, write_oof_evidence
from raytrain.pipeline.cv import fold_tasks
from raytrain.pipeline.train import forget_damaged, run_to_end
from raytrain.runs.ensemble import Ensemble, JoinedMember, Member, read_ensemble
from raytrain.runs.files import write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.joined import Joined, joined_dir, read_joined
from raytrain.runs.maps import Maps
from raytrain.runs.oof import oof_path
from raytrain.runs.record import Task, read_record


def final_problems(job: JobSpec) -> list[str]:
    """Return the settings of the job's trials that training on all labeled images, or with several
    workers, cannot honor. They are found before the search starts."""
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


def finalize(run: Run, specs: list[TrialSpec]) -> Ensemble:
    """Retrain these configurations on train+val, for as many epochs as their folds suggest.

    Writes `final/ensemble.json` and the evidence for its score. Joined members stay. The CSV and
    the evaluation of another ensemble are removed. Raises ValueError when a member has no
    out-of-fold maps, or joined on other folds.
    """
    folder, maps = run.folder, _all_maps(run, specs)
    ids = run.report.ids("train", "val")
    members = [fold_tasks(run, spec) for spec in specs]
    everything = Fold("all", ids, ())
    tasks = [
        make_task(run, "final", final_spec(member), everything, run.job.finalize.workers)
        for member in members
    ]
    make_trainable(tasks, run)
    forget_damaged(tasks)
    run_to_end(tasks, run, f"final training on all {len(ids)} labeled images")
    ensemble, oof = _ensemble(run, list(zip(tasks, members, strict=True)), maps)
    if folder.ensemble.is_file() and read_ensemble(folder).fingerprint != ensemble.fingerprint:
        for other in (folder.submission, folder.evaluation):
            other.unlink(missing_ok=True)
    write_oof_evidence(folder.evidence, oof)
    write_json(folder.ensemble, ensemble.model_dump(mode="json"))
    return ensemble


def oof_evidence(run: Run, specs: list[TrialSpec]) -> OofEvidence:
    """Return the evidence of the mean of these configurations and the joined members, as `finalize`
    will write it."""
    folds, metric = run.folds, run.job.competition.metric
    maps = _all_maps(run, specs)
    evidence, _ = _evidence(open_samples(run.folder), folds, maps, metric)[-1]
    ids = tuple(id for part in folds.val_ids for id in part)
    groups = run.report.samples.set_index("id").loc[list(ids), "group"]
    return OofEvidence(ids, tuple(map(str, groups)), evidence, metric)


def _all_maps(run: Run, specs: list[TrialSpec]) -> list[list[Maps]]:
    """Return the maps of each member and each joined member, fold by fold."""
    maps = [_oof_maps(run, spec) for spec in specs]
    return maps + [_joined_maps(run, each) for each in read_joined(run.folder).values()]


def _oof_maps(run: Run, spec: TrialSpec) -> list[Maps]:
    """Return the maps of one configuration, fold by fold."""
    paths = [oof_path(run.folder, task.fingerprint) for task in fold_tasks(run, spec)]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ValueError(
            f"{spec.label} has no out-of-fold maps for {len(missing)} of {len(paths)} folds; "
            "run `raytrain cv` with the same job first"
        )
    parts = zip(paths, run.folds.val_ids, strict=True)
    return [Maps(path, run.report.map_shapes(ids)) for path, ids in parts]


def _joined_maps(run: Run, joined: Joined) -> list[Maps]:
    """Return the maps of a teammate, fold by fold."""
    folds, report = run.folds, run.report
    if (joined.folds, joined.data) != (folds.hash, report.fingerprint):
        raise ValueError(
            f"{joined.name} joined this ensemble on other data or folds; "
            f"run `raytrain ensemble` with --remove {joined.name}"
        )
    directory = joined_dir(run.folder, joined.name)
    return [
        Maps(directory.oof(fold), report.map_shapes(ids)) for fold, ids in enumerate(folds.val_ids)
    ]


def _ensemble(
    run: Run, tasks: list[tuple[Task, list[Task]]], maps: list[list[Maps]]
) -> tuple[Ensemble, OofEvidence]:
    folder, report, folds = run.folder, run.report, run.folds
    ids = [id for part in folds.val_ids for id in part]
    groups_N = report.samples.set_index("id").loc[ids, "group"].to_numpy()
    metric = run.job.competition.metric
    *of_shares, of_mean = _evidence(open_samples(folder), folds, maps, metric)
    scores = [oof_score(found, groups_N, metric, n_KK).as_dict() for found, n_KK in of_shares]
    members = []
    for (task, fold_trainings), oof in zip(tasks, scores[: len(tasks)], strict=True):
        record = read_record(task.trial_dir)
        assert record is not None
        checkpoint = shipped_checkpoint(task.trial_dir)
        member = Member(
            name=task.spec.label,
            fingerprint=task.fingerprint,
            checkpoint=str(checkpoint.relative_to(folder.path)),
            ranks=record.ranks,
            folds=tuple(fold.fingerprint for fold in fold_trainings),
            oof=oof,
        )
        members.append(member)
    joined = tuple(
        JoinedMember(
            name=each.name,
            fingerprint=each.fingerprint,
            maps=str(joined_dir(folder, each.name).path.relative_to(folder.path)),
            oof=oof,
        )
        for each, oof in zip(read_joined(folder).values(), scores[len(tasks) :], strict=True)
    )
    ensemble = Ensemble(
        fingerprint=fingerprint(
            [*(m.fingerprint for m in members), *(j.fingerprint for j in joined)]
        ),
        members=tuple(members),
        joined=joined,
        oof=oof_score(of_mean[0], groups_N, metric, of_mean[1]).as_dict(),
        folds=folds.hash,
        data=report.fingerprint,
    )
    groups = tuple(map(str, groups_N))
    return ensemble, OofEvidence(tuple(ids), groups, of_mean[0], metric)


def _evidence(
    samples: Samples, folds: Folds, maps: list[list[Maps]], metric: MetricSpec
) -> list[tuple[Evidence, np.ndarray | None]]:
    """Return evidence and confusion_KK of each member and, last, of their mean, in the order of the
    folds.

    Images are processed one at a time, so that the maps of a large set need not fit into memory.
    """
    beside = gathered(metric)
    counts: list[list[np.ndarray]] = [[] for _ in range(len(maps) + 1)]
    figures: list[list[np.ndarray]] = [[] for _ in range(len(maps) + 1)]
    confused: list[np.ndarray | None] = [None] * (len(maps) + 1)
    cache, report = samples.cache, samples.report
    classes, target = len(report.classes), report.target
    for fold, ids in enumerate(folds.val_ids):
        for number, row in enumerate(cache.rows(ids)):
            truth_HW = cache.mask(int(row))
            probs = [member[fold][number] for member in maps]
            for place, prob_KHW in enumerate([*probs, np.mean(probs, axis=0)]):
                counts[place].append(map_counts(prob_KHW, truth_HW, classes, target))
                figures[place].append(map_figures(beside, prob_KHW, truth_HW, target))
                of_image = map_confusion(prob_KHW, truth_HW, classes, target)
                before = confused[place]
                confused[place] = of_image if before is None else before + of_image
    return [
        (Evidence(np.stack(of_K3), beside, np.stack(of_GK)), count_KK)
        for of_K3, of_GK, count_KK in zip(counts, figures, confused, strict=True)
    ]
