"""What `raytrain submit` looks at before it spends an entry, and what it does about the answer."""

from pathlib import Path

import boto3
import pytest

from raytrain.config.load import load_job
from raytrain.pipeline.submit import preview, submit
from raytrain.submission import wait_for_score as scored
from raytrain.submission.ledger import ledger_of
from raytrain.submission.preflight import Consent
from tests.commands import raytrain
from tests.e2e.finished_run import finished, run_of
from tests.e2e.kaggle_state import Kaggle
from tests.s3 import bucket
from tests.support import ledger_in, write_job

pytestmark = pytest.mark.usefixtures("client_here")

BOOK = "{name: ann/heart, version: 3}"


def submitted(job: Path, *overrides: str, consent: tuple[Consent, ...] = ()) -> None:
    submit(load_job(job, list(overrides)), run_of(job, *overrides), consent)


def refused(job: Path, *overrides: str) -> str:
    with pytest.raises(ValueError, match=r"Nothing is lost|is not ready") as caught:
        submitted(job, *overrides)
    return str(caught.value)


def test_a_preview_before_finalize_says_what_is_missing(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    with pytest.raises(ValueError, match="not ready") as caught:
        preview(load_job(job), run_of(job), ())
    *files, slug = str(caught.value).split("\n")[1:]
    assert all("run `raytrain finalize`" in line for line in files)
    assert "competition.submission.slug: missing" in slug


def kinds(job: Path) -> list[str]:
    return [event.kind for event in ledger_in(run_of(job)).read()]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"userHasEntered": False}, "rules of heart are not accepted: join at https"),
        ({"submissionsDisabled": True}, "heart is closed and accepts no more"),
        ({"isKernelsSubmissionsOnly": True}, "accepts only notebooks: save a version"),
        ({"deadline": "2020-05-01T23:59:00Z"}, "the deadline was 2020-05-01 23:59 UTC; a late"),
    ],
)
def test_each_hindrance_has_its_message(
    rules: dict[str, object], words: str, job: Path, kaggle: Kaggle
) -> None:
    kaggle.rules |= rules
    assert words in refused(job)
    assert kinds(job) == ["prepared"]
    assert "CreateSubmission" not in kaggle.methods


def test_a_late_submission_is_sent_when_that_is_agreed(job: Path, kaggle: Kaggle) -> None:
    kaggle.rules |= {"deadline": "2020-05-01T23:59:00Z", "userRank": 0}
    submitted(job, consent=("late",))
    assert kinds(job)[-1] == "scored"
    assert ledger_in(run_of(job)).read()[-1].rank is None


def test_a_notebook_is_entered_where_nothing_else_is(job: Path, kaggle: Kaggle) -> None:
    notebook = f"competition.submission.notebook={BOOK}"
    assert "accepts files and not notebooks; remove competition.submission.notebook" in refused(
        job, notebook
    )
    kaggle.rules["isKernelsSubmissionsOnly"] = True
    kaggle.states = ["COMPLETE"]
    submitted(job, notebook)
    [entry] = kaggle.submissions
    told = [entry[key] for key in ("kernelOwner", "kernelSlug", "kernelVersion")]
    assert told == ["ann", "heart", 3]
    assert kaggle.uploads == {}
    event = ledger_in(run_of(job)).read()[-1]
    assert (event.kind, event.notebook) == ("scored", "ann/heart version 3")
    assert event.tag in entry["description"]


@pytest.mark.parametrize(
    ("daily", "total", "words"),
    [(0, 9, "today's 0 submissions are used up; the"), (5, 0, "has used all of its 0")],
)
def test_the_quota_is_read_first(
    daily: int, total: int, words: str, job: Path, kaggle: Kaggle
) -> None:
    kaggle.daily, kaggle.total = daily, total
    assert words in refused(job)
    assert kinds(job) == ["prepared"]


def test_what_does_not_promise_more_asks_first(job: Path, kaggle: Kaggle) -> None:
    submitted(job)
    better, worse, same = ("run=better", "run=worse", "run=same")
    finished(job, worse, pixels=1, hits=9)
    assert "probably not better than those of rt-" in (text := refused(job, worse))
    assert "(ref 1000), the best one sent: P(better) = 0.00; --yes sends it" in text
    submitted(job, worse, consent=("unlikely",))
    finished(job, better, pixels=3, score=0.95, hits=12)
    submitted(job, better)
    assert len(kaggle.submissions) == 3
    finished(job, same, pixels=3, score=0.96, hits=13)
    csv = run_of(job, same).submission
    csv.write_bytes(csv.read_bytes().replace(b"5 3", b"5 2 7 1"))  # other bytes, the same masks
    assert "was not sent" in refused(job, same)
    assert len(kaggle.submissions) == 3


def test_the_change_against_the_last_sent_is_told(
    job: Path, kaggle: Kaggle, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted(job)
    finished(job, pixels=3, score=0.95, hits=12)
    submitted(job)
    printed = capsys.readouterr().out
    tag = ledger_in(run_of(job)).read()[0].tag
    differ = f"1 px in 1 of 2 masks differ from {tag} (ref 1000), "
    assert differ + "33 % of the 3 px of foreground" in printed
    assert f"P(better than {tag} (ref 1000), the best one sent) = 1.00" in printed
    ledger_in(run_of(job)).path.with_name(f"{tag}.npz").unlink()
    finished(job, pixels=4, score=0.95, hits=12)
    ledger_in(run_of(job)).path.with_name(f"{ledger_in(run_of(job)).read()[-1].tag}.npz").unlink()
    assert "cannot compare it with " in refused(job)


def test_a_csv_that_is_not_the_masks_is_not_sent(job: Path, kaggle: Kaggle) -> None:
    csv = run_of(job).submission
    csv.write_bytes(b"id,encoding\ncmr1_mask1,5 3\ncmr1_mask2,nan\n")
    text = refused(job)
    assert "1 px differ from the mask" in text
    assert "that CSV readers take as missing" in text
    assert kaggle.methods == []
    assert kinds(job) == []


def test_a_dry_run_does_everything_but_send(job: Path, kaggle: Kaggle) -> None:
    done = raytrain("submit", job, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 submissions left today" in done.stdout
    assert "not sent (preview): " in done.stdout
    assert kinds(job) == ["prepared"]
    assert kaggle.submissions == []
    assert {*kaggle.methods} == {
        "IntrospectToken", "GetCompetition", "GetSubmissionLimits", "ListSubmissions"
    }  # fmt: skip
    kaggle.daily = 0
    with pytest.raises(ValueError, match="used up"):
        preview(load_job(job), run_of(job), ())


def test_dry_run_and_queue_are_one_or_the_other(job: Path) -> None:
    done = raytrain("submit", job, "--dry-run", "--queue")
    assert done.returncode == 2
    assert "choose one of" in done.stderr


def test_what_cannot_be_scored_is_told_with_kaggles_reason(job: Path, kaggle: Kaggle) -> None:
    kaggle.truth = {"other": next(iter(kaggle.truth.values()))}
    with pytest.raises(ValueError, match=r"could not score it: .* must have 1 rows"):
        submitted(job)
    event = ledger_in(run_of(job)).read()[-1]
    assert (event.kind, event.ref) == ("failed", 1000)
    assert "must have 1 rows" in (event.reason or "")
    with pytest.raises(ValueError, match=r"must have 1 rows\); --again"):
        submitted(job)


def test_watching_ends_after_its_time(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored, "PATIENCE_S", 0)
    kaggle.states = ["PENDING"] * 9
    with pytest.raises(ValueError, match=r"was entered .* not scored yet; run the same"):
        submitted(job)
    assert kinds(job)[-1] == "sent"


def test_a_ledger_on_object_storage_serves_two_machines(
    job: Path, kaggle: Kaggle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = "competition.submission.ledger=s3://team/submissions"
    with bucket("team"):
        submitted(job, ledger)
        other = (ledger, f"storage={tmp_path / 'other'}")
        finished(job, *other)
        with pytest.raises(ValueError, match="was sent before, as rt-"):
            submitted(job, *other)
        finished(job, *other, pixels=3, score=0.95, hits=12)
        submitted(job, *other)
        printed = capsys.readouterr().out
        assert "1 px in 1 of 2 masks differ from rt-" in printed
        assert "(ref 1000), the best one sent) = 1.00" in printed
        events = ledger_of(load_job(job, [ledger]), run_of(job)).read()
        assert [event.kind for event in events] == ["prepared", "sending", "sent", "scored"] * 2
        assert len(kaggle.submissions) == 2
        names = boto3.client("s3").list_objects_v2(Bucket="team")["Contents"]
        assert len([name for name in names if "/events/" in name["Key"]]) == 8
        assert not ledger_in(run_of(job)).path.exists()
