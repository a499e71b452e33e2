"""The ledger: nothing in it is lost or doubled, whoever writes and whoever is killed."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from raytrain.submission.events import Event, Score, entered, latest, summary
from raytrain.submission.ledger import (
    FileLedger,
    Ledger,
    ObjectLedger,
    OvertakenError,
    append_news,
    append_prepared,
)
from tests.commands import quick_processes
from tests.s3 import bucket


def an_event(tag: str = "rt-0123456789ab") -> Event:
    return Event(
        kind="prepared",
        tag=tag,
        time=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        competition="cardiac",
        run="default",
        file="x.csv",
        sha256="00" * 32,
        rows=60,
        score=Score(mean=0.8912, low=0.88, high=0.9),
        members=("aaaaaaaaaaaa", "bbbbbbbbbbbb"),
    )


@pytest.fixture(scope="module")
def storage() -> Iterator[None]:
    """A real S3 server, and what finds it."""
    with bucket("ledgers"):
        yield


@pytest.fixture(params=["file", "objects"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """An empty one."""
    if request.param == "file":
        return FileLedger(tmp_path / "submissions/cardiac/ledger.jsonl")
    request.getfixturevalue("storage")
    return ObjectLedger(f"s3://ledgers/{tmp_path.name}", tmp_path / "submissions/cardiac")


def test_events_come_back_as_they_were_written(ledger: Ledger) -> None:
    assert ledger.read() == []
    event = an_event()
    failed = event.later("failed", reason="403: R\u00e8gles,\nnot accepted")
    sent = failed.later("sent", ref=71)
    for each in (event, failed, sent):
        ledger.append(each)
    assert ledger.read() == [event, failed, sent]
    assert sent.time > event.time
    assert [e.step for e in (event, failed, sent)] == [0, 1, 2]
    assert (sent.ref, sent.reason, failed.ref) == (71, None, None)


def test_a_clock_that_is_behind_changes_no_order(ledger: Ledger) -> None:
    one, other = an_event("rt-1"), an_event("rt-2")
    late = one.later("sending").model_copy(update={"time": one.time - timedelta(hours=1)})
    events = [one, late, late.later("sent", ref=3), other.later("failed")]
    for event in events:
        ledger.append(event)
    assert ledger.read() == events
    assert latest(ledger.read())["rt-1"].kind == "sent"


def test_of_two_that_go_on_from_one_event_one_is_refused(ledger: Ledger) -> None:
    event = an_event()
    ledger.append(event)
    going = event.later("sending")
    ledger.append(going)
    with pytest.raises(OvertakenError, match="another raytrain process is sending"):
        ledger.append(event.later("sending"))
    assert ledger.read() == [event, going]


def test_the_same_tag_is_prepared_once(ledger: Ledger) -> None:
    event = an_event()
    assert append_prepared(ledger, event) == event
    assert append_prepared(ledger, an_event()) == event
    sent = event.later("sent", ref=5)
    ledger.append(sent)
    assert append_prepared(ledger, event) == sent
    assert ledger.read() == [event, sent]


def test_news_that_are_none_are_not_written(ledger: Ledger) -> None:
    event = an_event()
    sent = event.later("sent", ref=5)
    for each in (event, sent, sent.later("sent"), event.later("sent", ref=5)):
        append_news(ledger, each)
    assert ledger.read() == [event, sent]
    append_news(ledger, event.later("scored", ref=5, public=0.5))
    assert [(e.kind, e.step) for e in ledger.read()][2:] == [("scored", 2)]


def test_files_stand_beside_the_events(ledger: Ledger, tmp_path: Path) -> None:
    path = ledger.keep("rt-1.csv", b"id,rle\n")
    assert path == tmp_path / "submissions/cardiac/rt-1.csv"
    if isinstance(ledger, ObjectLedger):
        path.unlink()  # as on another machine
    assert ledger.kept("rt-1.csv").read_bytes() == b"id,rle\n"
    with pytest.raises(ValueError, match=r"rt-2\.csv is missing"):
        ledger.kept("rt-2.csv")


def _prepare_and_take(
    env: dict[str, str], ledger: Ledger, events: list[Event], start: Barrier
) -> None:
    os.environ.update(env)  # the server that forked this process has an earlier one
    start.wait(60)
    for each in events:
        event = append_prepared(ledger, each)
        if event.kind == "prepared":
            with contextlib.suppress(OvertakenError):
                ledger.append(event.later("sending"))


@pytest.mark.slow
def test_processes_at_once_agree_on_one_event_a_step(ledger: Ledger) -> None:
    events = [an_event(tag=f"rt-{number:012x}") for number in range(8)]
    context = quick_processes()
    start = context.Barrier(3)
    crowd = [
        context.Process(target=_prepare_and_take, args=(dict(os.environ), ledger, events, start))
        for _ in range(3)
    ]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(timeout=60)
    assert [process.exitcode for process in crowd] == [0] * 3
    found = [(event.tag, event.step) for event in ledger.read()]
    assert sorted(found) == [(event.tag, step) for event in events for step in (0, 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "submissions" / "ledger.jsonl"


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_torn_last_line_is_passed_over_and_mended(path: Path, kept: int) -> None:
    event, ledger = an_event(), FileLedger(path)
    ledger.append(event)
    ledger.append(event.later("failed", reason="R\u00e8gles"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[:first] + whole[first:][:kept])
    assert ledger.read() == [event]
    sent = event.later("sent", ref=1)
    ledger.append(sent)
    assert ledger.read() == [event, sent]


def test_a_damaged_line_is_named(path: Path) -> None:
    ledger = FileLedger(path)
    ledger.append(an_event())
    path.write_bytes(path.read_bytes() + b'{"kind": "sent"}\n')
    with pytest.raises(ValueError, match=r"ledger\.jsonl, line 2: not a ledger event: tag: .*; re"):
        ledger.read()


def test_what_kaggle_took_has_a_ref_whatever_came_of_it() -> None:
    one, two, three = (an_event(f"rt-{number}") for number in range(3))
    sent = two.later("sent", ref=9)
    broken = sent.later("failed", reason="not a number")
    judged = three.later("scored", ref=8, public=0.5, rank=3)
    events = [one, two, three, one.later("failed", reason="429"), sent, judged, broken]
    assert entered(events) == [broken, judged]
    assert latest(events)["rt-0"].reason == "429"
    assert (broken.ref, broken.reason) == (9, "not a number")
    assert (judged.public, judged.rank) == (0.5, 3)


def test_summary_shows_the_latest_state_of_each_tag() -> None:
    one, two = an_event("rt-1"), an_event("rt-2").model_copy(update={"score": None})
    sent = one.later("sent", ref=7)
    scored = sent.later("scored", public=0.87654, private=0.9)
    rows = summary([one, two, sent, scored, two.later("failed", reason="403: rules")])
    assert [list(row.values())[:2] for row in rows] == [["rt-1", "scored"], ["rt-2", "failed"]]
    numbers = [[row[key] for key in ("oof", "ref", "public", "private", "reason")] for row in rows]
    assert numbers == [
        ["0.8912 (0.8800 .. 0.9000)", "7", "0.8765", "0.9000", ""],
        ["", "", "", "", "403: rules"],
    ]
    assert [rows[0][key] for key in ("run", "file", "members")] == ["default", "00000000", "2"]
    assert rows[0]["time"] == scored.time.strftime("%Y-%m-%d %H:%M")
    assert summary([]) == []
