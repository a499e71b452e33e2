"""`raytrain submit` when answers are lost, processes killed or doubled, and servers silent: one
entry, or none and a message."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from raytrain.pipeline import sending
from raytrain.submission import calls
from tests.commands import Command
from tests.e2e.finished_run import (
    kinds,
    last,
    refused,
    submitted,
)
from tests.e2e.kaggle_state import Fault, Kaggle


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
    method: str,
    accepts: bool,
    job: Path,
    kaggle: Kaggle,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    kaggle.faults[method] = [Fault("hang", accepts)]
    process = Command("submit", job, out=tmp_path / "log")
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


def test_killed_while_it_waits_for_the_score_it_goes_on_watching(
    job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    kaggle.faults["GetCompetition"] = [Fault("none"), Fault("hang")]
    process = Command("submit", job, out=tmp_path / "log")
    assert kaggle.reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert kinds(job) == ["prepared", "sending", "sent"]
    kaggle.states = ["PENDING", "QUEUED_FOR_RESCORING", "PENDING"]
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_two_processes_at_once_make_one_entry(job: Path, kaggle: Kaggle, tmp_path: Path) -> None:
    logs = [tmp_path / "one", tmp_path / "two"]
    crowd = [Command("submit", job, out=log) for log in logs]
    codes = [process.wait(120) for process in crowd]
    assert len(kaggle.submissions) == 1
    assert kinds(job).count("sending") == 1
    assert kinds(job)[-1] == "scored"
    told = ("another raytrain process is sending", "by another process", "was sent before")
    for code, log in zip(codes, logs, strict=True):
        assert code == 0 or any(words in log.read_text() for words in told)


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
