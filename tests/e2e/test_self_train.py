"""Self-training in a whole run: who teaches whom, what is kept, and that nothing is done twice."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.load import load_job
from raytrain.data.folds import Folds
from raytrain.data.soft_labels import Probabilities
from raytrain.engine.trial import open_samples
from raytrain.ensemble import choose as choosing
from raytrain.ensemble.nested import Gain
from raytrain.ensemble.prediction import member_probabilities
from raytrain.pipeline.run import run
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.record import read_records
from raytrain.runs.soft import temperatures_text
from tests.support import write_job


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose students are kept, whatever they score."""
    folder = tmp_path_factory.mktemp("self")
    job = write_job(
        folder, folder / "runs", trial={"epochs": 12},
        search={"trials": 2, "space": {"optimizer.lr": {"grid": [0.03, 0.02]}}},
        finalize={"epochs": 12, "members": 1}, predict={"tta": "none", "steps": "none"},
        self_train={"share": 0.25},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "gain", lambda *_: Gain(0.01, 0.0, 0.02, 0.9, 0.005, 6, 6))
        ran(job)
    return job


def ran(job: Path, *changes: str):
    spec = load_job(job, list(changes)).at("local")
    folder = run_dir(spec)
    run(spec, folder, "local")
    return folder, read_ensemble(folder)


def test_a_student_learns_only_from_teachers_that_never_saw_its_held_out_images(
    finished: Path,
) -> None:
    folder = run_dir(load_job(finished))
    ensemble = read_ensemble(folder)
    [(member, _, _)] = ensemble.members
    assert member.name.endswith("(student)")
    row = ensemble.comparisons[-1]
    assert (row.what, row.kept, row.detectable) == ("self-training", True, 0.005)
    records = {record.fingerprint: record for record in read_records(folder)}
    students = [records[fingerprint] for fingerprint in member.folds]
    teachers = [record.soft.teacher for record in students]
    assert len(set(teachers)) == len(teachers) == 2
    folds = Folds.model_validate(read_json(folder.folds))
    for fold, record in enumerate(students):
        assert record.last["images"] == len(folds.train_ids(fold))
    [final] = [record for record in records.values() if record.station == "final"]
    assert final.soft.teacher not in teachers
    assert {path.stem for path in folder.soft.glob("*.npy")} == {*teachers, final.soft.teacher}
    for record, fingerprint in zip(students, ensemble.candidates[0].folds, strict=True):
        assert records[fingerprint].fold == record.fold
        assert_calibrated_maps(folder, record.soft.teacher, fingerprint)


def assert_calibrated_maps(folder: RunDir, teacher: str, network: str) -> None:
    """The teacher's labels are this network's maps: the odds of the two likeliest classes are those
    of the map to the power of one over the temperature, which is the same for all pixels."""
    samples = open_samples(folder)
    checkpoint = folder.trial(network).checkpoints / "last.pt"
    ids = samples.report.ids("test")
    maps = [*member_probabilities(checkpoint, samples.cache, ids)]
    prob_KN = np.concatenate([prob_KHW.reshape(4, -1) for prob_KHW in maps], 1)
    labels_VK = Probabilities(4, "single_label").prob_VK
    soft_KN = labels_VK[np.load(folder.soft / f"{teacher}.npy")].T
    assert (soft_KN.argmax(0) == prob_KN.argmax(0)).mean() > 0.99
    between_N = (soft_KN.max(0) > 0.6) & (soft_KN.max(0) < 0.9)
    ours, theirs = (np.sort(p_KN[:, between_N], 0)[-2:] for p_KN in (soft_KN, prob_KN))
    temperatures = np.log(theirs[1] / theirs[0]) / np.log(ours[1] / ours[0])
    assert between_N.sum() > 100
    np.testing.assert_allclose(temperatures, np.median(temperatures), rtol=0.05)


def test_run_again_it_does_nothing_and_from_a_lost_file_it_makes_the_same(finished: Path) -> None:
    folder = run_dir(load_job(finished))
    before = folder.submission.read_bytes()
    times = {path: path.stat().st_mtime_ns for path in folder.trials.rglob("*.pt")}
    labels = {path.name: path.read_bytes() for path in folder.soft.glob("*.npy")}
    shutil.rmtree(folder.soft)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "gain", lambda *_: Gain(0.01, 0.0, 0.02, 0.9, 0.005, 6, 6))
        ran(finished)
    assert folder.submission.read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in folder.trials.rglob("*.pt")} == times
    assert {path.name: path.read_bytes() for path in folder.soft.glob("*.npy")} == labels


def test_students_that_are_not_better_are_left_out_and_shown(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, ensemble = ran(finished, "self_train.share=0.1", "search.trials=1", "run=not_kept",
                           "cv.candidates=1", "finalize.epochs=1")  # fmt: skip
    row = ensemble.comparisons[-1]
    assert row.what == "self-training"
    assert row.kept == (row.gain > 0 and row.wins >= 0.8 and row.differing >= 6)
    assert row.detectable > 0
    names = [candidate.name for candidate, _, _ in ensemble.members]
    assert all(name.endswith("(student)") for name in names) == row.kept
    assert "student" in folder.report.read_text()
    files = {read_json(path)["temperature"] for path in folder.soft.glob("*.json")}
    assert len(row.temperatures) == 3
    assert {*row.temperatures} == files
    text = temperatures_text(row.temperatures)
    assert f"<p>Self-training: {text}.</p>" in folder.report.read_text()
    assert f"soft labels: {text}\n" in capsys.readouterr().out
