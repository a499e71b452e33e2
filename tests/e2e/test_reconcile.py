"""`raytrain ledger --reconcile`: what Kaggle's list says that the ledger lacks is added to it."""

from pathlib import Path

import pytest

from raytrain.config.load import load_job
from raytrain.pipeline.ledger import listed, reconcile
from raytrain.submission.events import latest
from raytrain.submission.ledger import FileLedger
from tests.e2e.finished_run import no_secret_in, run_of, submitted
from tests.e2e.kaggle_state import TOKEN, Kaggle
from tests.support import ledger_in

pytestmark = pytest.mark.usefixtures("client_here")


def first_tag(job: Path) -> str:
    return ledger_in(run_of(job)).read()[0].tag


def test_kaggles_list_is_merged_into_the_ledger(job: Path, kaggle: Kaggle, tmp_path: Path) -> None:
    spec, run = load_job(job), run_of(job)
    kaggle.uploads["blob"] = b""
    kaggle.enter("blob", f"by hand, {TOKEN}")
    submitted(job)
    tag = ledger_in(run).read()[0].tag
    lines = ledger_in(run).path.read_text().splitlines(keepends=True)
    ledger_in(run).path.write_text("".join(lines[:2]))  # as after a lost answer
    assert (
        reconcile(spec, run).text == "heart: 2 submissions on Kaggle, 2 events added to the ledger"
    )
    known = latest(ledger_in(run).read())
    assert (known[tag].kind, known[tag].ref, known[tag].public) == ("scored", 1001, 0.8)
    assert (known["kaggle-1000"].kind, known["kaggle-1000"].run) == ("failed", None)
    assert reconcile(spec, run).text.endswith("0 events added to the ledger")
    table = listed(ledger_in(run)).text
    for words in (tag, "by hand", "kaggle-1000", "0.8912 (0.8800 .. 0.9000)", "0.8000", "scored"):
        assert words in table
    no_secret_in(tmp_path, table)


def test_of_two_entries_with_one_tag_the_ledger_keeps_to_its_own(job: Path, kaggle: Kaggle) -> None:
    spec, run = load_job(job), run_of(job)
    submitted(job)
    lines = ledger_in(run).path.read_text().splitlines(keepends=True)
    [entry] = kaggle.submissions
    kaggle.uploads["blob"], kaggle.names["blob"] = b"another file", "mine.csv"
    kaggle.enter("blob", entry["description"])
    for order in (1, -1):
        kaggle.submissions = kaggle.submissions[::order]
        for known in (4, 2):  # with its number, and after an answer that was lost
            ledger_in(run).path.write_text("".join(lines[:known]))
            reconcile(spec, run)
            events = latest(ledger_in(run).read())
            assert [(event.tag, event.ref) for event in events.values()] == [
                (first_tag(job), 1000), ("kaggle-1001", 1001),
            ]  # fmt: skip
            assert reconcile(spec, run).text.endswith("0 events added to the ledger")


def test_a_long_list_is_merged_at_once(
    job: Path, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.uploads["blob"] = b""
    for number in range(201):
        kaggle.enter("blob", f"by hand {number}")
    reads = []
    read = FileLedger.read
    monkeypatch.setattr(FileLedger, "read", lambda self: reads.append(1) or read(self))
    assert reconcile(load_job(job), run_of(job)).text.endswith("201 events added to the ledger")
    assert len(reads) == 2
