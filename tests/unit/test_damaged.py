"""Files of a run folder that are torn or of another version: each is named with a remedy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from raytrain.backend.clock import Clock
from raytrain.config.job import FoldSpec
from raytrain.data.folds import load_or_make_folds
from raytrain.data.report import read_report, write_report
from raytrain.engine.checkpoint import load_checkpoint, save_weights
from raytrain.engine.predictor import read_card
from raytrain.engine.shipped import read_shipped, shipped_fault
from raytrain.engine.trial import Samples
from raytrain.pipeline.train import forget_damaged, run_to_end
from raytrain.runs.attempts import read_attempts, read_starts
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.files import DamagedError, read_json, write_json
from raytrain.runs.history import read_history
from raytrain.runs.jobs import read_job
from raytrain.runs.joined import read_joined
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import Maps
from raytrain.runs.oof import read_cross_validation
from raytrain.runs.record import is_complete, read_record, read_records
from raytrain.runs.search_log import present_trials, read_events, read_proposals, read_rounds
from tests.runs import run_of
from tests.study_runs import fill, small_job, small_report
from tests.tiny import SPEC, make_task

Reader = Callable[[RunDir], object]
TRIAL = "trials/0123456789ab"
READERS: dict[str, Reader] = {
    "config.json": read_job,
    "data.json": lambda run: read_report(run.data_report),
    "samples.parquet": lambda run: read_report(run.data_report),
    "folds.json": lambda run: load_or_make_folds(run, small_report(), FoldSpec()),
    "search/proposals.jsonl": lambda run: read_proposals(run.proposals),
    "search/events.jsonl": lambda run: read_events(run.events),
    "search/present.json": present_trials,
    "oof/members.json": read_cross_validation,
    "oof/0123456789ab.npy": lambda run: Maps(run.oof / "0123456789ab.npy", [(1, 2, 2)]),
    "final/ensemble.json": read_ensemble,
    "joined/anna/record.json": read_joined,
    "budget.json": lambda run: Clock(run, 60.0),
    "candidates.jsonl": lambda run: read_rounds(run.candidates),
    f"{TRIAL}/history.jsonl": lambda run: read_history(run.trial("0123456789ab").history),
    f"{TRIAL}/attempts.jsonl": lambda run: read_attempts(run.trial("0123456789ab")),
    f"{TRIAL}/starts.jsonl": lambda run: read_starts(run.trial("0123456789ab")),
    f"{TRIAL}/checkpoints/shipped.json": lambda run: read_shipped(run.trial("0123456789ab")),
    f"{TRIAL}/checkpoints/last.pt": lambda run: load_checkpoint(
        run.trial("0123456789ab").checkpoints / "last.pt"
    ),
    f"{TRIAL}/checkpoints/last.json": lambda run: read_card(
        run.trial("0123456789ab").checkpoints / "last.pt"
    ),
}
TORN, OTHER = b'{"epoch": 1, "na\n', b'{"written by": "another version"}\n'


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """What lies beside the damaged file is whole."""
    run = RunDir(tmp_path / "run")
    write_report(run.data_report, small_report())
    save_weights(run.trial("0123456789ab").checkpoints / "last.pt", {"epoch": 1}, {})
    return run


@pytest.mark.parametrize("content", [TORN, OTHER], ids=["torn", "other"])
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_with_a_remedy(name: str, content: bytes, run: RunDir) -> None:
    if name.endswith("history.jsonl") and content == OTHER:
        content = TORN  # a row may have any fields
    path = run.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"delete|again|another run") as error:
        READERS[name](run)
    assert str(error.value).startswith(str(run.path))
    assert name == "data.json" or str(path) in str(error.value)
    assert "\n" not in str(error.value).rstrip()


def test_a_map_that_was_cut_short_is_named(run: RunDir) -> None:
    path = run.oof / "0123456789ab.npy"
    run.oof.mkdir()
    np.save(path, np.zeros(4, np.float16))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DamagedError, match=f"{path}: damaged.*raytrain cv"):
        Maps(path, [(1, 2, 2)])


def test_one_damaged_record_stops_nothing_and_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "run")
    job = small_job({"model.width": {"grid": [4, 6, 8]}}, 3)
    tasks = fill(job, run, lambda task, id: 50)
    damaged = tasks[1].trial_dir.record
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert len(read_records(run)) == 2
    assert str(damaged) in capsys.readouterr().err
    assert [is_complete(task) for task in tasks] == [True, False, True]
    [again] = fill(job, run, lambda task, id: 50)
    assert again.fingerprint == tasks[1].fingerprint
    assert len(read_records(run)) == 3


def test_a_finished_training_with_damaged_weights_is_done_again(
    samples: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(RunDir(tmp_path).data_report, samples.report)
    spec = SPEC.model_copy(update={"epochs": 1})
    tasks = [
        replace(make_task(tmp_path / "trials" / name, samples, spec), name=name)
        for name in ("whole", "hurt")
    ]
    run = run_of(tmp_path, samples.report)
    run_to_end(tasks, run, "training")
    weights = tasks[1].trial_dir.checkpoints / "last.pt"
    before = load_checkpoint(weights)
    weights.write_bytes(weights.read_bytes()[:-100])
    forget_damaged(tasks)
    assert f"hurt is trained again: {weights}: damaged" in capsys.readouterr().out
    assert [is_complete(task) for task in tasks] == [True, False]
    run_to_end(tasks, run, "training")
    assert [shipped_fault(task.trial_dir) for task in tasks] == [None, None]
    after = load_checkpoint(weights)
    assert all(np.array_equal(after["model"][key], before["model"][key]) for key in before["model"])
    assert read_record(tasks[1].trial_dir) is not None


@pytest.mark.parametrize(("version", "age"), [(0, "an older"), (99, "a newer")])
def test_another_versions_run_folder_is_refused_in_one_sentence(
    version: int, age: str, run: RunDir
) -> None:
    write_json(run.data_report, read_json(run.data_report, "") | {"version": version})
    for reader in (read_records, lambda run: read_report(run.data_report)):
        with pytest.raises(ValueError, match=f"{age} raytrain wrote this run folder"):
            reader(run)
