"""What must not grow with the number of trials or images: reads, draws, and what a task weighs."""

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.space import with_values
from raytrain.data import checks, stamp
from raytrain.data.stamp import read_if_changed
from raytrain.pipeline.check import check
from raytrain.pipeline.search import BestCheckpoints
from raytrain.runs import record
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from raytrain.search import proposable as present
from raytrain.search import samplers
from raytrain.search.trials import Trials
from tests.runs import run_of
from tests.study_runs import fill, small_job, small_report
from tests.tiny import task_in
from tests.unit.conftest import Competition

RATES = {"optimizer.lr": {"loguniform": [1e-5, 1e-1]}}
FEW = {"optimizer.lr": {"grid": [0.1, 0.01]}}


def test_drawing_takes_the_same_work_for_every_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(*words: Any) -> Any:
        made[-1] += 1
        return build(*words)

    build = present.make_task
    monkeypatch.setattr(present, "make_task", counted)
    for trials in (20, 40):
        made.append(0)
        job = small_job(RATES, trials, sampler={"name": "random"})
        study = Trials(run_of(RunDir(tmp_path / str(trials)), small_report(), job))
        assert len(study.draw_all()) == trials
    assert made[1] == 2 * made[0]


def test_a_trials_end_reads_no_other_trials_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDir(tmp_path / "run")
    tasks = fill(small_job({"model.width": {"grid": [4, 6, 8]}}, 3), run, lambda task, id: 50)
    records = record.read_records(run)
    keepers = BestCheckpoints(run, 2, records[:2])
    for task in tasks:
        task.trial_dir.checkpoints.mkdir()
    monkeypatch.setattr(record, "read_record", None)
    keepers.ended(records[2])
    assert sum(task.trial_dir.checkpoints.is_dir() for task in tasks) == 2


def test_many_ids_travel_by_reference(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ids = tuple(f"image_{number:06}" for number in range(20_000))
    task = replace(task_in(run / "trials" / "one"), train_ids=ids, val_ids=ids[:10])
    other = replace(task, directory=run / "trials" / "two")
    content = pickle.dumps([task, other])
    assert len(content) < 10_000
    assert pickle.loads(content) == [task, other]
    assert len(list((run / "ids").iterdir())) == 1
    few: Task = replace(task, train_ids=ids[:50], val_ids=ids[50:60])
    assert pickle.loads(pickle.dumps(few)) == few
    assert len(list((run / "ids").iterdir())) == 1


def test_data_that_stands_is_not_read_again(
    competition: Competition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.fill(train=2, val=1, test=1)
    job = small_job(FEW, 2).model_copy(update={"competition": competition.spec("(N+1)//2")})
    run, reads = RunDir(tmp_path / "run"), []
    monkeypatch.setattr(stamp, "inspect", lambda spec: reads.append(1) or checks.inspect(spec))
    first = check(job, run, read_if_changed)
    assert check(job, run, read_if_changed).fingerprint == first.fingerprint
    assert len(reads) == 1
    # On request, and when a file or what is said of the data has changed.
    check(job, run)
    image = competition.image("train", "cmr1")
    content, facts = image.read_bytes(), image.stat()
    os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    check(job, run, read_if_changed)
    image.unlink()
    with pytest.raises(ValueError, match="cmr1"):
        check(job, run, read_if_changed)
    # What was refused is read again though nothing changed since.
    with pytest.raises(ValueError, match="cmr1"):
        check(job, run, read_if_changed)
    image.write_bytes(content)
    alone = competition.spec("N")
    check(job.model_copy(update={"competition": alone}), run, read_if_changed)
    assert len(reads) == 6


def test_specs_are_known_by_one_key() -> None:
    base = small_job(FEW, 2).trial
    same = with_values(base, {"optimizer.lr": base.optimizer.lr})
    assert samplers.key_of(base) == samplers.key_of(same)
    assert samplers.key_of(with_values(base, {"seed": 99})) != samplers.key_of(base)
