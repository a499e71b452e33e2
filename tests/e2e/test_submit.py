"""`raytrain submit` with Kaggle's own client, and everything that can go wrong on the way."""

import json
from pathlib import Path

import pytest

from raytrain.config.load import load_job
from raytrain.runs.files import read_json, write_json
from raytrain.submission.prepare import prepare
from tests.commands import raytrain
from tests.e2e.finished_run import (
    CSV,
    finished,
    kinds,
    last,
    no_secret_in,
    refused,
    run_of,
    submitted,
)
from tests.e2e.kaggle_state import KEY, TOKEN, USER, Fault, Kaggle
from tests.support import ledger_in


def test_a_submission_is_sent_followed_and_leads_back_to_its_members(
    job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    done = raytrain("submit", job)
    assert (done.returncode, done.stderr) == (0, "")
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    event = last(job)
    first, score, sent, look, scored, address = done.stdout.splitlines()
    assert first.startswith("heart: 5 submissions left today, 0 used (reset at 00:00 UTC, in ")
    assert "deadline 2999-12-31 23:59 UTC, in " in first
    assert first.endswith("; rank 7")
    assert score == "out-of-fold 0.8912 (0.8800 .. 0.9000, 95 %)"
    assert (
        sent == f"sent {event.tag} to heart: ref 1000, out-of-fold score 0.8912 (0.8800 .. 0.9000)"
    )
    assert look.endswith("is complete")
    # Two of three pixels: Dice .8; no pixel of none: 1.
    assert "public 0.80000, private 1.00000, rank 7" in scored
    assert address.endswith("/competitions/heart/submissions")
    [entry] = kaggle.submissions
    assert event.file is not None
    assert entry["content"] == CSV == ledger_in(run_of(job)).kept(event.file).read_bytes()
    assert entry["description"] == f"raytrain {event.tag} oof 0.8912"
    assert (event.ref, event.rows, event.members) == (1000, 2, ("a1b2c3d4e5f6",))
    assert (event.public, event.private, event.rank) == (0.8, 1.0, 7)
    assert (event.competition, event.run) == ("cardiac", "default")
    assert event.score is not None
    assert (event.score.mean, event.score.low, event.score.high) == (0.89124, 0.88, 0.9)
    no_secret_in(tmp_path, done.stdout)


def test_the_same_content_is_not_sent_twice_unless_told_to(job: Path, kaggle: Kaggle) -> None:
    submitted(job)
    assert "was sent before, as rt-" in refused(job)
    finished(job, "run=again")
    text = refused(job, "run=again")
    assert f"was sent before, as {last(job).tag} of run default" in text
    assert "(public 0.8, private 1.0); --again sends it again" in text
    assert len(kaggle.submissions) == 1
    submitted(job, "again", "unlikely")
    assert len(kaggle.submissions) == 2
    one, two = (entry["description"] for entry in kaggle.submissions)
    assert one != two
    assert kinds(job) == ["prepared", "sending", "sent", "scored"] * 2


def test_what_is_missing_is_told_at_once(job: Path, kaggle: Kaggle) -> None:
    run = run_of(job)
    run.submission.unlink()
    ensemble = read_json(run.ensemble)
    run.ensemble.unlink()
    run.evidence.unlink()
    text = refused(job, "competition.submission.slug=null")
    for part in (
        "submission.csv: missing",
        "oof_evidence.npz: missing",
        "no out-of-fold score",
        "competition.submission.slug",
    ):
        assert part in text
    write_json(run.ensemble, ensemble | {"oof": ensemble["oof"] | {"score": None}})
    assert "it has no out-of-fold score (oof)" in refused(job)
    assert kinds(job) == []
    assert kaggle.methods == []


@pytest.mark.usefixtures("home")
def test_without_credentials_the_file_is_prepared_and_kept(job: Path) -> None:
    done = raytrain("submit", job)
    assert (done.returncode, done.stdout) == (1, "")
    text = done.stderr
    for part in ("KAGGLE_API_TOKEN", "kaggle.json", "Nothing is lost", "run the same command"):
        assert part in text
    assert kinds(job) == ["prepared"]
    assert last(job).file in text
    run = run_of(job)
    assert prepare(load_job(job), run, 0) == last(job)
    refused(job)
    assert kinds(job) == ["prepared"]
    finished(job, pixels=3)
    assert ledger_in(run).kept(last(job).file or "").read_bytes() == CSV


def test_credentials_given_later_send_what_was_prepared(
    job: Path,
    kaggle: Kaggle,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    refused(job)
    (home / ".kaggle").mkdir()
    key = home / ".kaggle" / "kaggle.json"
    key.write_text(json.dumps({"username": USER, "key": KEY}))
    key.chmod(0o600)
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1
    no_secret_in(tmp_path)


NESTED = json.dumps({"error": {"code": 403, "message": f"Permission denied for {TOKEN}"}})
FLAT = json.dumps({"code": 400, "message": "You have used your 5 daily submissions"})
WAIT = (("Retry-After", "17"),)


@pytest.mark.parametrize(
    ("method", "fault", "words"),
    [
        ("GetCompetition", Fault("status", status=403, body=NESTED), ("/heart/rules", "***")),
        ("GetCompetition", Fault("status", status=404, body="{}"), ("no such comp",)),
        ("GetSubmissionLimits", Fault("status", status=500, body="<p>oh"), ("500: <p>oh", "later")),
        ("ListSubmissions", Fault("status", status=429, body=FLAT, headers=WAIT), ("wait 17 s",)),
        ("ListSubmissions", Fault("drop"), ("later",)),
    ],
)
def test_what_is_refused_before_sending_leaves_it_prepared(
    method: str, fault: Fault, words: tuple[str, ...], job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    kaggle.faults[method] = [fault]
    text = refused(job)
    for word in (*words, "was not sent", "Nothing is lost"):
        assert word in text
    assert kinds(job) == ["prepared"]
    assert kaggle.submissions == []
    no_secret_in(tmp_path, text)


@pytest.mark.parametrize(
    ("method", "fault", "words"),
    [
        ("StartSubmissionUpload", Fault("status", status=403, body=NESTED), ("/heart/rules",)),
        ("StartSubmissionUpload", Fault("status", status=404, body="{}"), ("no such comp",)),
        ("StartSubmissionUpload", Fault("status", status=503, body="<p>busy"), ("503: <p>busy",)),
        ("StartSubmissionUpload", Fault("drop"), ("later",)),
        ("PUT", Fault("status", status=403), ("could not be uploaded",)),
        ("CreateSubmission", Fault("status", status=400, body=FLAT), ("5 daily", "00:00 UTC")),
        ("CreateSubmission", Fault("status", status=429, body=FLAT), ("wait some minutes",)),
    ],
)
def test_a_refusal_is_explained(
    method: str, fault: Fault, words: tuple[str, ...], job: Path, kaggle: Kaggle, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    kaggle.faults[method] = [fault]
    text = refused(job)
    for word in (*words, "was not sent", "Nothing is lost"):
        assert word in text
    refused_after = ["sending", "failed"] if method == "CreateSubmission" else []
    assert kinds(job) == ["prepared", *refused_after]
    assert kaggle.submissions == []
    printed = capfd.readouterr()
    assert (len(printed.out.splitlines()), printed.err) == (2, "")
    no_secret_in(tmp_path, text)
    submitted(job)
    assert kinds(job)[-3:] == ["sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_a_token_copied_with_its_line_break_works(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", f"{TOKEN}\n")
    submitted(job)
    assert len(kaggle.submissions) == 1


def test_a_wrong_token_is_told_without_showing_it(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_of_last_year")
    text = refused(job)
    assert "401: Unauthenticated; make a new token" in text
    assert "KGAT_of_last_year" not in text + str(ledger_in(run_of(job)).read())
    assert kinds(job) == ["prepared"]
    assert kaggle.submissions == []
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1
