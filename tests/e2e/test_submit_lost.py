"""`raytrain submit` when answers are lost, processes killed or doubled, and servers silent: one
entry, or none and a message."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from raytrain.submission import calls, events
from tests.commands import Command
from tests.e2e.finished_run import (
    finished,
    kinds,
    last,
    refused,
    submitted,
)
from tests.e2e.kaggle_state import Fault, Kaggle

LATER_S = 3600.0
"""After it every lease is over."""


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
    how: Fault, job: Path, kaggle: Kaggle
) -> None:
    kaggle.faults["CreateSubmission"] = [how]
    text = refused(job)
    assert "so it may be entered" in text
    assert "it reads the list before it sends" in text
    assert kinds(job) == ["prepared", "sending"]
    assert "so that it is not entered twice" in refused(job)
    assert kaggle.methods.count("CreateSubmission") == 1
    kaggle.ahead_s = LATER_S
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_an_answer_and_a_list_lost_are_made_up_for_later(job: Path, kaggle: Kaggle) -> None:
    kaggle.faults["CreateSubmission"] = [Fault("drop", accepts=True)]
    busy = Fault("status", status=503, body="busy")
    kaggle.faults["ListSubmissions"] = [Fault("none"), Fault("none"), Fault("none"), busy]
    text = refused(job)
    assert "list cannot be read (Kaggle answered 503: busy" in text
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
    method: str, accepts: bool, job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    kaggle.faults[method] = [Fault("hang", accepts)]
    process = Command("submit", job, out=tmp_path / "log")
    assert kaggle.reached.wait(60)
    entering = method == "CreateSubmission"
    assert kinds(job) == (["prepared", "sending"] if entering else ["prepared"])
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert kaggle.gone.wait(60)  # the client has ended with its parent
    assert len(kaggle.submissions) == accepts
    if entering:
        kaggle.ahead_s = LATER_S
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


def test_a_file_that_another_process_enters_during_a_long_upload_is_entered_once(
    job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    kaggle.faults["PUT"] = [Fault("slow", takes_s=LATER_S)]
    slow = Command("submit", job, out=tmp_path / "log")
    assert kaggle.reached.wait(60)
    submitted(job)
    kaggle.released.set()
    assert slow.wait(60) == 0
    assert "ref 1000" in (tmp_path / "log").read_text()
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_while_one_process_enters_a_file_no_run_with_the_same_content_does(
    job: Path, kaggle: Kaggle, tmp_path: Path
) -> None:
    finished(job, "run=two")
    kaggle.faults["CreateSubmission"] = [Fault("slow")]
    slow = Command("submit", job, out=tmp_path / "log")
    assert kaggle.reached.wait(60)
    for override in ("run=default", "run=two"):
        assert "so that it is not entered twice" in refused(job, override)
    kaggle.released.set()
    assert slow.wait(60) == 0
    assert "was sent before" in refused(job, "run=two")
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_a_clock_that_is_wrong_enters_nothing_twice(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=2)

    kaggle.faults["CreateSubmission"] = [Fault("drop", accepts=True)]
    kaggle.lagging = True
    with monkeypatch.context() as patch:
        patch.setattr(events, "datetime", Behind)
        refused(job)
    assert abs(last(job).time - datetime.now(UTC)) < timedelta(minutes=5)
    assert "so that it is not entered twice" in refused(job)
    kaggle.lagging = False
    submitted(job)
    assert kinds(job) == ["prepared", "sending", "sent", "scored"]
    assert len(kaggle.submissions) == 1


def test_a_process_whose_lease_ran_out_enters_nothing(job: Path, kaggle: Kaggle) -> None:
    slept = Fault("none", takes_s=LATER_S)  # between the `sending` event and the look at the list
    kaggle.faults["ListSubmissions"] = [Fault("none"), Fault("none"), slept]
    assert "too slow, so nothing was entered" in refused(job)
    assert kinds(job) == ["prepared", "sending", "failed"]
    assert kaggle.submissions == []
    submitted(job)
    assert len(kaggle.submissions) == 1


@pytest.mark.parametrize("method", ["IntrospectToken", "CreateSubmission"])
def test_a_silent_server_is_left_at_the_time_limit(
    method: str, job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.faults[method] = [Fault("hang")]
    limit = "standing" if method == "IntrospectToken" else "enter"
    monkeypatch.setitem(calls.LIMITS_S, limit, 3.0)
    with pytest.raises(ValueError, match="no answer within 3 s"):
        submitted(job)
    assert kaggle.submissions == []
    assert kinds(job)[-1] != "sent"


def test_an_unusable_home_is_told(job: Path, kaggle: Kaggle, home: Path) -> None:
    (home / ".config").write_text("in the way")
    assert "was not sent: NotADirectoryError" in refused(job)
    assert kaggle.methods == []
