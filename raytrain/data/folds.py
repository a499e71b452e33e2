"""`folds.json`: k folds over the labeled images. Groups stay together. The folds are made once, and
verified when they are read."""

import warnings
from collections import Counter

import numpy as np

from raytrain.config.base import Spec
from raytrain.config.errors import shortened
from raytrain.config.job import FoldSpec
from raytrain.data.report import DataReport, columns
from raytrain.runs.files import read_spec, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir

REMEDY = "delete it; the same data and settings give the same folds again"


class Folds(Spec):
    """The ids that each fold holds out for validation. A fold trains on all other labeled ids."""

    hash: str
    data: str
    """Fingerprint of the data."""
    spec: FoldSpec | None
    """The job's `folds`; null: a single part of the images is held out."""
    val_ids: tuple[tuple[str, ...], ...]
    rest: tuple[str, ...] = ()
    """Labeled ids that no fold holds out. There are none unless `spec` is null."""

    def label(self, fold: int) -> str:
        """Return the name of a fold in records: `fold<i>-<four digits of the hash>`."""
        return f"fold{fold}-{self.hash[:4]}"

    def train_ids(self, fold: int) -> tuple[str, ...]:
        others = (id for i, ids in enumerate(self.val_ids) if i != fold for id in ids)
        return (*others, *self.rest)


def make_folds(report: DataReport, spec: FoldSpec | None) -> Folds:
    """Return the folds of a job. With `folds: none` they hold out a single part: the val split or,
    without one, the first of the default folds."""
    if spec is not None:
        return _split(report, spec)
    val_ids, labeled = report.ids("val"), report.ids("train", "val")
    if not val_ids:
        groups = report.labeled["group"].nunique()
        usual = FoldSpec()
        count = min(usual.count, max(2, groups))
        val_ids = _split(report, usual.model_copy(update={"count": count})).val_ids[0]
    rest = tuple(id for id in labeled if id not in set(val_ids))
    return Folds(
        hash=fingerprint((val_ids,)), data=report.fingerprint, spec=None, val_ids=(val_ids,),
        rest=rest,
    )  # fmt: skip


def _split(report: DataReport, spec: FoldSpec) -> Folds:
    """Split train+val into folds by group, stratified by the classes that an image shows.

    Raises ValueError when there are fewer groups than folds.
    """
    # Imported here, because it is slow to import, and training workers do not split.
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    samples = report.labeled
    groups = samples["group"].to_numpy()
    if samples["group"].nunique() < spec.count:
        raise ValueError(
            f"folds.count: {spec.count} folds need as many groups, but the labeled images form "
            f"{samples['group'].nunique()}; lower folds.count, or correct competition.group"
        )
    shown_NK = columns(samples, "pixels") > 0
    presence = np.unique(shown_NK, axis=0, return_inverse=True)[1].ravel()
    if np.unique(presence, return_counts=True)[1].max() < spec.count:
        presence[:] = 0  # nothing to stratify by: scikit-learn refuses classes that are so rare
    splitter = StratifiedGroupKFold(spec.count, shuffle=True, random_state=spec.seed)
    with warnings.catch_warnings():
        # A pattern of classes rarer than the folds cannot be in each of them, which is acceptable.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(splitter.split(np.zeros(len(samples)), presence, groups))
    if not all(len(val) for _, val in parts):
        # Stratification of few and uneven groups can leave a fold empty; splitting by group cannot.
        by_group = GroupKFold(spec.count, shuffle=True, random_state=spec.seed)
        parts = list(by_group.split(np.zeros(len(samples)), groups=groups))
    for fold, (_, val) in enumerate(parts):
        if not shown_NK[val, 1:].any():
            raise ValueError(
                f"folds.count: the {len(val)} images of fold {fold} of {spec.count} contain only "
                "background, so they cannot be scored; set fewer folds or another folds.seed"
            )
    ids = samples["id"].to_numpy()
    val_ids = tuple(tuple(ids[val].tolist()) for _, val in parts)
    return Folds(hash=fingerprint(val_ids), data=report.fingerprint, spec=spec, val_ids=val_ids)


def fold_notes(folds: Folds, report: DataReport) -> list[str]:
    """Return a note for each class that is absent from the held-out images of a fold, or from all
    its training images."""
    shown_NK = columns(report.labeled, "pixels") > 0
    held_FN = [report.labeled["id"].isin(ids).to_numpy() for ids in folds.val_ids]
    notes = []
    for number, name in enumerate(report.classes):
        for where, rows_FN, what in (
            ("in", held_FN, "it counts in no score there"),
            ("outside", [~held_N for held_N in held_FN], "the model of this fold cannot learn it"),
        ):
            without = [f for f, rows_N in enumerate(rows_FN) if not shown_NK[rows_N, number].any()]
            if number and without:
                listed = f"fold{'s' * (len(without) > 1)} {', '.join(map(str, without))}"
                notes.append(f"class {name} has no labeled pixel {where} {listed}, so {what}")
    return notes


def load_or_make_folds(run: RunDir, report: DataReport, spec: FoldSpec | None) -> Folds:
    """Return the saved folds after verifying them. If there are none, or if they fit other data or
    settings and nothing was trained on them, make and save them.

    Raises ValueError when the saved folds do not fit the job, or were edited.
    """
    if not run.folds.is_file():
        return _made(run, report, spec)
    folds = read_spec(run.folds, Folds, REMEDY)
    edited = folds.hash != fingerprint(folds.val_ids)
    problems = [*_problems(folds, report, spec)]
    if edited:
        problems.append("the file was edited (its hash differs)")
    elif problems and not run.trials.is_dir():
        return _made(run, report, spec)
    if problems:
        listed = "\n  ".join(shortened(problems))
        raise ValueError(
            f"{run.folds}: the folds do not fit the job; use another run name, such as --set "
            f"run=second\n  {listed}"
        )
    return folds


def _made(run: RunDir, report: DataReport, spec: FoldSpec | None) -> Folds:
    folds = make_folds(report, spec)
    write_json(run.folds, folds.model_dump(mode="json"))
    return folds


def _problems(folds: Folds, report: DataReport, spec: FoldSpec | None) -> list[str]:
    """Return why the saved folds do not fit the data and the job."""
    problems = []
    if folds.data != report.fingerprint:
        problems.append("the data changed since these folds were made")
    if folds.spec != spec:
        has = "one held-out part"
        if folds.spec is not None:
            has = f"{folds.spec.count} folds with seed {folds.spec.seed}"
        problems.append(f"the file has {has}")
    group = dict(zip(report.samples["id"], report.samples["group"], strict=True))
    owner: dict[str, int] = {}
    held = Counter(id for ids in (*folds.val_ids, folds.rest) for id in ids)
    problems += [f"{id!r} is in the folds {count} times" for id, count in held.items() if count > 1]
    problems += [f"{id!r} is in no fold" for id in report.ids("train", "val") if id not in held]
    for fold, ids in enumerate(folds.val_ids):
        if not ids:
            problems.append(f"fold {fold} has no image")
        for id in ids:
            if id not in group:
                problems.append(f"{id!r} is not in the data")
            elif owner.setdefault(group[id], fold) != fold:
                problems.append(f"group {group[id]!r} is in folds {owner[group[id]]} and {fold}")
    return problems
