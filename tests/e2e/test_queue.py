"""`raytrain submit --queue`: a night in which everything goes wrong."""

from pathlib import Path

import pytest

from raytrain.config.load import load_job
from raytrain.submission.queue import RETRY_S, submit_queue
from tests.e2e.finished_run import finished, kinds, run_of, submitted
from tests.e2e.kaggle_state import DAY_S, Fault, Kaggle
from tests.support import ledger_in

pytestmark = pytest.mark.usefixtures("client_here")

BUSY = Fault("status", status=503, body="busy")


class EnoughError(Exception):
    """The test ends the waiting."""


def give_up(seconds: float) -> None:
    raise EnoughError


def queued(job: Path, *overrides: str) -> None:
    """Add the run's CSV to the queue, and wait no longer."""
    with pytest.raises(EnoughError):
        submit_queue(load_job(job, list(overrides)), run_of(job, *overrides), (), give_up)


class Night:
    """Sleeping, in which Kaggle's clock goes on; it has `a_day` submissions from `starts_s` on."""

    def __init__(self, kaggle: Kaggle, job: Path):
        self.kaggle, self.job, self.waits = kaggle, job, list[float]()

    def sleep(self, seconds: float) -> None:
        assert len(self.waits) < 60, "the queue waits in vain"
        self.waits.append(seconds)
        self.kaggle.ahead_s += seconds

    def run(self) -> None:
        submit_queue(load_job(self.job), run_of(self.job), (), self.sleep)


@pytest.fixture
def night(job: Path, kaggle: Kaggle) -> Night:
    """Of two files in the queue, the one of run `two` has the better score."""
    kaggle.ahead_s = -(kaggle.time() % DAY_S) - 2 * 3600.0  # it is 22:00
    kaggle.daily, kaggle.daily_from = 1, kaggle.time() + 2 * 3600.0
    queued(job)
    finished(job, "run=two", pixels=3, score=0.95)
    queued(job, "run=two")
    return Night(kaggle, job)


def entered(kaggle: Kaggle) -> list[str]:
    return [entry["description"][-6:] for entry in kaggle.submissions]


def test_the_best_goes_first_one_a_day(night: Night) -> None:
    night.run()
    assert entered(night.kaggle) == ["0.9500", "0.8912"]
    assert sum(night.waits) == pytest.approx(2 * 3600 + DAY_S, abs=600)
    assert max(night.waits) <= 3600
    events = ledger_in(run_of(night.job)).read()
    assert [event.run for event in events if event.kind == "scored"] == ["two", "default"]


def test_a_clock_ahead_of_kaggles_does_not_cost_a_day(night: Night) -> None:
    night.kaggle.daily_from += 1200.0  # the day's submissions come late
    night.kaggle.daily = 2
    night.run()
    assert sum(night.waits) < 4 * 3600
    assert len(night.kaggle.submissions) == 2


@pytest.mark.parametrize(
    "method", ["GetCompetition", "ListSubmissions", "StartSubmissionUpload", "CreateSubmission"]
)
@pytest.mark.parametrize("fault", [BUSY, Fault("drop")], ids=["503", "cut"])
def test_what_passes_does_not_cost_the_night(fault: Fault, method: str, night: Night) -> None:
    night.kaggle.daily, night.kaggle.daily_from = 2, 0.0
    night.kaggle.faults[method] = [fault]
    night.run()
    assert entered(night.kaggle) == ["0.9500", "0.8912"] or method == "CreateSubmission"
    assert len(night.kaggle.submissions) == 2
    assert night.waits
    assert sum(night.waits) <= max(RETRY_S, 900.0)


def test_a_file_that_fails_does_not_stop_the_next(night: Night) -> None:
    night.kaggle.daily, night.kaggle.daily_from = 2, 0.0
    night.kaggle.states = ["ERROR"]
    night.kaggle.faults["StartSubmissionUpload"] = [Fault("none"), Fault("status", status=400)]
    finished(night.job, "run=three", pixels=4, score=0.5)
    queued_three = run_of(night.job, "run=three")
    with pytest.raises(ValueError, match=r"(?s)could not score it: .*Kaggle answered 400"):
        submit_queue(load_job(night.job, ["run=three"]), queued_three, ("unlikely",), night.sleep)
    assert len(night.kaggle.submissions) == 2
    assert kinds(night.job).count("scored") == 1


def test_the_same_file_of_two_runs_is_queued_once(night: Night) -> None:
    finished(night.job, "run=same")
    queued(night.job, "run=same")
    night.kaggle.daily, night.kaggle.daily_from = 5, 0.0
    night.run()
    assert entered(night.kaggle) == ["0.9500", "0.8912"]


def test_a_competition_that_is_closed_ends_it_and_keeps_the_files(night: Night) -> None:
    night.kaggle.rules["submissionsDisabled"] = True
    with pytest.raises(ValueError, match="is closed"):
        night.run()
    del night.kaggle.rules["submissionsDisabled"]
    night.run()
    assert len(night.kaggle.submissions) == 2


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_look_that_is_refused_ends_it_and_keeps_the_files(status: int, night: Night) -> None:
    night.kaggle.faults["GetCompetition"] = [Fault("status", status=status, body="no")]
    with pytest.raises(ValueError, match=f"Kaggle answered {status}"):
        night.run()
    assert night.waits == []
    night.run()
    assert len(night.kaggle.submissions) == 2


def test_a_file_sent_by_hand_meanwhile_leaves_the_queue(night: Night) -> None:
    night.kaggle.daily, night.kaggle.daily_from = 5, 0.0
    submitted(night.job)
    submit_queue(load_job(night.job, ["run=two"]), run_of(night.job, "run=two"), (), give_up)
    assert entered(night.kaggle) == ["0.8912", "0.9500"]
