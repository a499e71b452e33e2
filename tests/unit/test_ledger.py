"""The ledger: nothing in it is lost or doubled, whoever writes and whoever is killed."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytrain.submission.ledger import (
    Event,
    Score,
    append_event,
    append_news,
    entered,
    prepare,
    read_ledger,
    sending,
    summary,
)


def an_event(tag: str = "rt-0123456789ab", sha256: str = "00" * 32) -> Event:
    return Event(
        kind="prepared",
        tag=tag,
        time=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        competition="cardiac",
        run="default",
        file="/runs/cardiac/submissions/x.csv",
        sha256=sha256,
        rows=60,
        score=Score(mean=0.8912, low=0.88, high=0.9),
        members=("aaaaaaaaaaaa", "bbbbbbbbbbbb"),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "submissions" / "ledger.jsonl"


def test_events_come_back_as_they_were_written(path: Path) -> None:
    assert read_ledger(path) == []
    event = an_event()
    failed = event.later("failed", reason="403: R\u00e8gles,\nnot accepted")
    sent = event.later("sent", ref=71)
    for each in (event, failed, sent):
        append_event(path, each)
    assert read_ledger(path) == [event, failed, sent]
    lines = path.read_bytes().split(b"\n")
    assert len(lines) == 4
    assert lines[-1] == b""
    assert sent.time > event.time
    assert (sent.ref, sent.reason, failed.ref) == (71, None, None)


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_torn_last_line_is_passed_over_and_mended(path: Path, kept: int) -> None:
    event = an_event()
    append_event(path, event)
    append_event(path, event.later("failed", reason="R\u00e8gles"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[:first] + whole[first:][:kept])
    assert read_ledger(path) == [event]
    sent = event.later("sent", ref=1)
    append_event(path, sent)
    assert read_ledger(path) == [event, sent]


def test_a_damaged_line_is_named(path: Path) -> None:
    append_event(path, an_event())
    path.write_bytes(path.read_bytes() + b'{"kind": "sent"}\n')
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))}, line 2: not an event: tag"):
        read_ledger(path)


def test_the_same_tag_is_prepared_once(path: Path) -> None:
    event = an_event()
    assert prepare(path, event) == event
    assert prepare(path, event.later("prepared")) == event
    sent = event.later("sent", ref=5)
    append_event(path, sent)
    assert prepare(path, event) == sent
    assert read_ledger(path) == [event, sent]


def test_processes_that_prepare_at_once_agree_on_one_event(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from raytrain.submission.ledger import Event, prepare\n"
        "sys.stdin.readline()\n"
        "for line in sys.stdin: prepare(Path(sys.argv[1]), Event.model_validate_json(line))"
    )
    events = [an_event(tag=f"rt-{number:012x}") for number in range(20)]
    work = "go\n" + "".join(event.model_dump_json() + "\n" for event in events)
    crowd = [
        subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write(work)
        process.stdin.close()
    assert [process.wait(60) for process in crowd] == [0] * 4
    assert sorted(event.tag for event in read_ledger(path)) == [event.tag for event in events]


def test_what_kaggle_took_has_a_ref_whatever_came_of_it(path: Path) -> None:
    one, two, three = (an_event(f"rt-{number}") for number in range(3))
    sent = two.later("sent", ref=9)
    broken = sent.later("failed", reason="not a number")
    judged = three.later("scored", ref=8, public=0.5, rank=3)
    events = [one, two, three, one.later("failed", reason="429"), sent, judged, broken]
    assert entered(events) == [broken, judged]
    assert (broken.ref, broken.reason) == (9, "not a number")
    assert (judged.public, judged.rank) == (0.5, 3)


def test_news_that_are_none_are_not_written(path: Path) -> None:
    event = an_event()
    sent = event.later("sent", ref=5)
    for each in (event, sent, sent.later("sent"), sent.later("sent", ref=5)):
        append_news(path, each)
    assert read_ledger(path) == [event, sent]


def test_only_one_process_sends(path: Path) -> None:
    code = "from raytrain.submission.ledger import *; import sys; from pathlib import Path\n"
    code += "with sending(Path(sys.argv[1])): print('sending')"
    command = [sys.executable, "-c", code, str(path)]
    with sending(path):
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "another raytrain process is sending" in second.stderr
    third = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert third.stdout == "sending\n"


def test_summary_shows_the_latest_state_of_each_tag() -> None:
    one, two = an_event("rt-1"), an_event("rt-2").model_copy(update={"score": None})
    sent = one.later("sent", ref=7)
    scored = sent.model_copy(update={"kind": "scored", "public": 0.87654, "private": 0.9})
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
