"""`submit --preview` and `--commit`: a token sends exactly the file that was previewed, once."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.submission import wait_for_score as scored
from tests.e2e.finished_run import finished, kinds, last, run_of
from tests.e2e.kaggle_state import Kaggle

pytestmark = pytest.mark.usefixtures("client_here")


def submit(job: Path, *words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["submit", str(job), *map(str, words), "--json"])
    return json.loads(done.stdout)


def refused(tree: dict[str, Any], code: str) -> str:
    """The only problem of a refusal, which has the quota, too."""
    assert not tree["ok"]
    [problem] = tree["problems"]
    assert problem["code"] == code
    assert tree["result"]["quota"]["left_today"] >= 0
    return problem["problem"]


def test_the_token_sends_the_previewed_file_once(job: Path, kaggle: Kaggle) -> None:
    shown = submit(job, "--preview")
    assert shown["ok"]
    assert kaggle.submissions == []
    assert shown["result"]["event"]["kind"] == "prepared"
    assert shown["result"]["quota"]["left_today"] == 5
    assert shown["result"]["quota"]["resets_at"].endswith("T00:00:00+00:00")
    token = shown["result"]["token"]
    assert submit(job, "--preview")["result"]["token"] == token
    sent = submit(job, "--commit", token)
    assert sent["ok"], sent["message"]
    assert (sent["result"]["event"]["kind"], sent["result"]["event"]["public"]) == ("scored", 0.8)
    assert sent["result"]["quota"]["left_today"] == 4
    again = submit(job, "--commit", token)
    assert "it was used: the file was sent as rt-" in refused(again, "token")
    assert again["result"]["quota"]["left_today"] == 4
    assert "was sent before, as rt-" in refused(submit(job, "--preview"), "sent-before")
    assert len(kaggle.submissions) == 1


def test_sending_again_needs_another_preview(job: Path, kaggle: Kaggle) -> None:
    first = submit(job, "--preview")["result"]["token"]
    submit(job, "--commit", first)
    second = submit(job, "--preview", "--again", "--yes")["result"]["token"]
    assert second != first
    assert submit(job, "--commit", second, "--again", "--yes")["ok"]
    refused(submit(job, "--commit", first, "--again", "--yes"), "token")
    refused(submit(job, "--commit", second, "--again", "--yes"), "token")
    assert len(kaggle.submissions) == 2


def test_a_changed_file_is_refused(job: Path, kaggle: Kaggle) -> None:
    token = submit(job, "--preview")["result"]["token"]
    finished(job, pixels=3, score=0.95, hits=12)
    text = refused(submit(job, "--commit", token), "token")
    assert f"{run_of(job).submission} has changed since the preview" in text
    assert kinds(job) == ["prepared"]
    assert kaggle.submissions == []


@pytest.mark.parametrize("change", ["run=other", "competition.submission.slug=heart2"])
def test_a_token_is_of_one_run_and_competition(job: Path, kaggle: Kaggle, change: str) -> None:
    finished(job, "run=other")
    token = submit(job, "--preview")["result"]["token"]
    tree = submit(job, "--commit", token, "--set", change)
    assert tree["problems"][0]["code"] == "token"
    assert "it is not a token of run" in tree["problems"][0]["problem"]
    assert not submit(job, "--commit", "send-000000000000")["ok"]
    assert kaggle.submissions == []


def test_a_file_that_is_not_scored_yet_is_followed(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = submit(job, "--preview")["result"]["token"]
    kaggle.states = ["PENDING"] * 9
    with monkeypatch.context() as patch:
        patch.setattr(scored, "PATIENCE_S", 0)
        waiting = submit(job, "--commit", token)
    assert "run the same command again" in waiting["message"]
    assert last(job).kind == "sent"
    kaggle.states = []
    assert submit(job, "--commit", token)["result"]["event"]["kind"] == "scored"
    assert len(kaggle.submissions) == 1


def test_objections_come_with_the_quota(job: Path, kaggle: Kaggle) -> None:
    kaggle.daily = 0
    text = refused(submit(job, "--preview"), "quota")
    assert "today's 0 submissions are used up" in text
    kaggle.daily = 5
    kaggle.rules |= {"submissionsDisabled": True}
    assert "is closed" in refused(submit(job, "--preview"), "kaggle-access")


def test_they_exclude_each_other(job: Path) -> None:
    tree = submit(job, "--preview", "--queue")
    assert (tree["exit_code"], tree["problems"][0]["code"]) == (2, "usage")
