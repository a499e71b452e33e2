"""`raytrain run --budget`: whenever it ends, the best so far stands, whole and checked."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from raytrain.config.load import load_job
from raytrain.metrics import score
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.layout import RunDir
from raytrain.runs.search_log import read_rounds
from raytrain.submission.prepare import faults
from tests.commands import raytrain, stop_when
from tests.support import epochs_done, run_folder, write_job


def best_stands(job: Path, run: RunDir) -> float:
    """The score of what stands, after a look at all of it."""
    assert faults(load_job(job), run) == []
    ensemble, evidence = read_ensemble(run), read_oof_evidence(run.evidence)
    now = score(evidence.metric, evidence.evidence)
    assert ensemble.oof["score"] == pytest.approx(now)
    assert (run.masks / "ensemble.txt").read_text() == ensemble.fingerprint
    # A kill may have come between taking the place and the line that says so.
    known = [candidate.score for candidate in read_rounds(run.candidates) if candidate.kept]
    assert known == sorted(set(known))
    assert all(now >= earlier or now == pytest.approx(earlier) for earlier in known)
    return now


def test_whenever_it_is_killed_the_best_so_far_stands(tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    trial = {"epochs": 2, "optimizer": {"name": "adam", "lr": 1e-4}}
    search = {"trials": 2, "space": {"optimizer.lr": {"grid": [3e-3, 1e-2]}}}
    job = write_job(tmp_path, storage, trial=trial, search=search)
    run = RunDir(run_folder(storage))
    words: list[object] = ["run", job, "--local", "--budget", "1h"]

    def built() -> int:
        return len(list(run.path.glob("ensembles/*/ensemble.json")))

    moments: list[tuple[Callable[[], bool], signal.Signals]] = [
        (lambda: epochs_done(storage, "cv") >= 1, signal.SIGKILL),
        (lambda: epochs_done(storage, "search") >= 1, signal.SIGINT),
        (lambda: built() == 2, signal.SIGKILL),
    ]
    scores = []
    for ready, number in moments:
        code = stop_when(words, ready, number, tmp_path / "log")
        assert code == (130 if number == signal.SIGINT else -number), (tmp_path / "log").read_text()
        if run.final.exists():
            scores.append(best_stands(job, run))
    # Nothing stood while the quick member was trained; then its CSV, until a better one.
    assert len(scores) == 2
    assert scores == sorted(scores)
    done = raytrain(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    end = best_stands(job, run)
    candidates = read_rounds(run.candidates)
    assert end == max(candidate.score for candidate in candidates if candidate.kept) > scores[0]
    assert all(not one.kept for one in candidates if one.before and one.score <= one.before)
    # Again, with a budget that is used up: nothing changes.
    before = {path: path.read_bytes() for path in run.final.rglob("*") if path.is_file()}
    again = raytrain("run", job, "--local", "--budget", "1s")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "the budget is used up; run again with a larger one" in again.stdout
    assert {p: p.read_bytes() for p in run.final.rglob("*") if p.is_file()} == before
    assert read_rounds(run.candidates) == candidates


def test_a_budget_that_leaves_no_csv_says_so(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs", budget="0.01s")
    done = raytrain("run", job, "--local")
    assert done.returncode == 1
    assert "ran out before the first CSV was written" in done.stderr
    wrong = raytrain("run", job, "--local", "--budget", "2")
    assert wrong.returncode == 1
    assert "budget: '2' is not a duration; a number needs a unit" in wrong.stderr
