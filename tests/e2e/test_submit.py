"""`raytrain submit` with Kaggle's own client, and everything that can go wrong on the way."""

import json
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from raytrain.config.load import load_job
from raytrain.pipeline import sending
from raytrain.pipeline.prepare import prepare
from raytrain.pipeline.submit import submit
from raytrain.runs.files import write_json
from raytrain.submission import calls
from raytrain.submission.events import Event
from raytrain.submission.ledger import FileLedger
from raytrain.submission.preflight import Consent
from tests.e2e.finished_run import CSV, finished, no_secret_in, run_of
from tests.e2e.kaggle_server import KEY, TOKEN, USER, Fault, Kaggle
from tests.support import command, raytrain


def kinds(job: Path) -> list[str]:
    return [event.kind for event in FileLedger(run_of(job).ledger).read()]


def last(job: Path) -> Event:
    return FileLedger(run_of(job).ledger).read()[-1]


def submitted(job: Path, *consent: Consent, overrides: tuple[str, ...] = ()) -> None:
    submit(load_job(job, list(overrides)), run_of(job, *overrides), consent)


def refused(job: Path, *overrides: str) -> str:
    """What is printed when it does not."""
    with pytest.raises(ValueError, match=r".") as caught:
        submitted(job, overrides=overrides)
    return str(caught.value)


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
        sent == f"sent {event.tag} to heart: ref 1000, local out-of-fold 0.8912 (0.8800 .. 0.9000)"
    )
    assert look.endswith(" s: complete")
    # Two of three pixels: Dice .8; no pixel of none: 1.
    assert "public 0.80000, private 1.00000, rank 7" in scored
    assert address.endswith("/competitions/heart/submissions")
    [entry] = kaggle.submissions
    assert event.file is not None
    assert entry["content"] == CSV == Path(event.file).read_bytes()
    assert entry["description"] == f"raytrain {event.tag} oof 0.8912"
    assert (event.ref, event.rows, event.members) == (1000, 2, ("a1b2c3d4e5f6",))
    assert (event.public, event.private, event.rank) == (0.8, 1.0, 7)
    assert (event.competition, event.run) == ("cardiac", "default")
    assert event.score is not None
    assert (event.score.mean, event.score.low, event.score.high) == (0.89124, 0.88, 0.9)
    no_secret_in(tmp_path, done.stdout)


def test_the_same_content_is_not_sent_twice_unless_told_to(job: Path, kaggle: Kaggle) -> None:
    submitted(job)
    assert "was sent before: as rt-" in refused(job)
    finished(job, "run=again")
    text = refused(job, "run=again")
    assert f"was sent before: as {last(job).tag} of run default" in text
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
    run.ensemble.unlink()
    run.evidence.unlink()
    text = refused(job, "competition.submission.slug=null")
    for part in (
        "submission.csv: missing",
        "oof_evidence.npz: missing",
        "no local score",
        "competition.submission.slug",
    ):
        assert part in text
    write_json(run.ensemble, {"oof": {"score": None}})
    assert "oof: no local score" in refused(job)
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
    assert Path(last(job).file or "").read_bytes() == CSV


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
    assert kinds(job) == ["prepared", "sending", "failed"]
    assert last(job).reason is not None
    assert kaggle.submissions == []
    printed = capfd.readouterr()
    assert (len(printed.out.splitlines()), printed.err) == (2, "")
    no_secret_in(tmp_path, text)
    submitted(job)
    assert kinds(job)[3:] == ["sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_a_wrong_token_is_told_without_showing_it(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_of_last_year")
    text = refused(job)
    assert "401: Unauthenticated; make a new token" in text
    assert "KGAT_of_last_year" not in text + str(FileLedger(run_of(job).ledger).read())
    assert kinds(job) == ["prepared"]
    assert kaggle.submissions == []
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


@pytest.mark.parametrize("how", [Fault("drop", True), Fault("status", True, 503, "later")])
def test_a_lost_answer_is_found_in_the_list(how: Fault, job: Path, kaggle: Kaggle) -> None:
    kaggle.faults["CreateSubmission"] = [how]
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert last(job).ref == 1000
    assert len(kaggle.submissions) == 1
    assert kaggle.methods.count("CreateSubmission") == 1


@pytest.mark.parametrize(
    "how",
    [
        Fault("drop"),
        Fault("status", status=504, body="<html>"),
        Fault("status", status=200, body='{"error": {"code": 500, "message": "x"}}'),
    ],
)
def test_a_lost_request_is_sent_again_once_the_list_can_be_believed(
    how: Fault, job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.faults["CreateSubmission"] = [how]
    text = refused(job)
    assert "Kaggle may have taken it" in text
    assert "looks into the list before it sends" in text
    assert kinds(job) == ["prepared", "sending"]
    assert "so that it is not entered twice" in refused(job)
    assert kaggle.methods.count("CreateSubmission") == 1
    monkeypatch.setattr(sending, "LISTING_LAG", timedelta(0))
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_an_answer_and_a_list_lost_are_made_up_for_later(job: Path, kaggle: Kaggle) -> None:
    kaggle.faults["CreateSubmission"] = [Fault("drop", accepts=True)]
    busy = Fault("status", status=503, body="busy")
    kaggle.faults["ListSubmissions"] = [Fault("none"), Fault("none"), busy]
    text = refused(job)
    assert "its list cannot be read (Kaggle answered 503: busy" in text
    assert kinds(job) == ["prepared", "sending"]
    kaggle.daily = 100
    for number in range(30):  # the team goes on; the list has two pages by now
        kaggle.enter("blob-0", f"by hand {number}")
    submitted(job)
    assert last(job).ref == 1000
    assert kaggle.methods.count("CreateSubmission") == 1


@pytest.mark.parametrize(
    ("method", "accepts"),
    [
        ("GetCompetition", False), ("StartSubmissionUpload", False), ("PUT", False),
        ("CreateSubmission", False), ("CreateSubmission", True),
    ],
)  # fmt: skip
def test_killed_at_every_step_it_is_entered_once(
    method: str, accepts: bool, job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.faults[method] = [Fault("hang", accepts)]
    process = subprocess.Popen(command("submit", job))
    assert kaggle.reached.wait(60)
    reached = ["prepared"] if method == "GetCompetition" else ["prepared", "sending"]
    assert kinds(job) == reached
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert kaggle.gone.wait(60)  # the client has ended with its parent
    assert len(kaggle.submissions) == accepts
    monkeypatch.setattr(sending, "LISTING_LAG", timedelta(0))
    submitted(job)
    assert kinds(job)[-2:] == ["sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_killed_while_it_waits_for_the_score_it_goes_on_watching(job: Path, kaggle: Kaggle) -> None:
    kaggle.faults["GetCompetition"] = [Fault("none"), Fault("hang")]
    process = subprocess.Popen(command("submit", job))
    assert kaggle.reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert kinds(job) == ["prepared", "sending", "sent"]
    kaggle.states = ["PENDING", "QUEUED_FOR_RESCORING", "PENDING"]
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_two_processes_at_once_make_one_entry(job: Path, kaggle: Kaggle) -> None:
    crowd = [
        subprocess.Popen(command("submit", job), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in crowd]
    assert len(kaggle.submissions) == 1
    assert kinds(job).count("sending") == 1
    assert kinds(job)[-1] == "scored"
    told = ("another raytrain process is sending", "by another process", "was sent before")
    for process, error in zip(crowd, errors, strict=True):
        assert process.returncode == 0 or any(words in error for words in told)


@pytest.mark.parametrize("method", ["IntrospectToken", "CreateSubmission"])
def test_a_silent_server_is_left_at_the_time_limit(
    method: str, job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.faults[method] = [Fault("hang")]
    limit = "standing" if method == "IntrospectToken" else "submit"
    monkeypatch.setitem(calls.LIMITS_S, limit, 3.0)
    with pytest.raises(ValueError, match="no answer within 3 s"):
        submitted(job)
    assert kaggle.submissions == []
    assert kinds(job)[-1] != "sent"


def test_an_unusable_home_is_told(job: Path, kaggle: Kaggle, home: Path) -> None:
    (home / ".config").write_text("in the way")
    assert "was not sent: NotADirectoryError" in refused(job)
    assert kaggle.methods == []
