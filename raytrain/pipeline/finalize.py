"""`finalize`: the members, trained on all labelled images, and what the ensemble is worth."""

import numpy as np

from raytrain.config.job import JobSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.folds import Folds, load_or_make_folds
from raytrain.data.report import DataReport
from raytrain.engine.checkpoint import last_checkpoint
from raytrain.engine.trial import open_samples
from raytrain.ensemble.score import oof_score
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.cv import fold_tasks, member_specs, oof_path
from raytrain.pipeline.tasks import make_task, prepare, run_to_end
from raytrain.runs.ensemble import Ensemble, Member
from raytrain.runs.files import write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task, read_record


def finalize(job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace) -> Ensemble:
    """Retrain the best configurations on train+val and leave `final/ensemble.json`.

    Raises ValueError when a member has no out-of-fold maps.
    """
    folds = load_or_make_folds(run.folds, report, job.folds)
    specs = member_specs(job, run)
    maps = [_oof_maps(job, run, report, folds, spec) for spec in specs]
    ids = report.ids("train", "val")
    tasks = [
        make_task(job, run, report, "final", spec, "all", ids, (), job.finalize.workers)
        for spec in specs
    ]
    prepare(tasks, report, run)
    run_to_end(tasks, workplace, f"final training on all {len(ids)} labelled images")
    ensemble = _ensemble(job, run, report, folds, tasks, maps)
    write_json(run.ensemble, ensemble.model_dump(mode="json"))
    return ensemble


def _oof_maps(
    job: JobSpec, run: RunDir, report: DataReport, folds: Folds, spec: TrialSpec
) -> np.ndarray:
    """prob_NKHW of one configuration for all labelled images, in the order of the folds."""
    paths = [oof_path(run, task) for task in fold_tasks(job, run, report, folds, spec)]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ValueError(
            f"{spec.label} has no out-of-fold maps for {len(missing)} of {len(paths)} folds; "
            "run `raytrain cv` with the same job first"
        )
    return np.concatenate([np.load(path) for path in paths]).astype(np.float32)


def _ensemble(
    job: JobSpec,
    run: RunDir,
    report: DataReport,
    folds: Folds,
    tasks: list[Task],
    maps: list[np.ndarray],
) -> Ensemble:
    cache = open_samples(run).cache
    ids = tuple(id for part in folds.val_ids for id in part)
    groups = {sample.id: sample.group for sample in report.samples}
    truth_NHW = cache.masks_NHW[cache.rows(ids)]
    groups_N = np.array([groups[id] for id in ids])
    members = []
    for task, prob_NKHW in zip(tasks, maps, strict=True):
        record = read_record(task.trial_dir)
        assert record is not None
        checkpoint = last_checkpoint(task.trial_dir.checkpoints)
        member = Member(
            name=task.spec.label,
            fingerprint=task.fingerprint,
            checkpoint=str(checkpoint.relative_to(run.path)),
            ranks=record.ranks,
            oof=oof_score(prob_NKHW, truth_NHW, groups_N, job.competition.metric).as_dict(),
        )
        members.append(member)
    mean_NKHW = np.mean(maps, axis=0)
    return Ensemble(
        fingerprint=fingerprint([task.fingerprint for task in tasks]),
        members=tuple(members),
        oof=oof_score(mean_NKHW, truth_NHW, groups_N, job.competition.metric).as_dict(),
        folds=folds.hash,
        data=report.fingerprint,
    )
