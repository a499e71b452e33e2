"""The live page: made from the records at each request, for this machine alone."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytrain.pipeline import watch
from raytrain.pipeline.watch import PageServer, server
from raytrain.runs.files import write_json
from raytrain.runs.history import append_row
from raytrain.runs.layout import RunDir
from raytrain.runs.search_log import write_present
from raytrain.search.leaderboard import ranked
from raytrain.submission.events import Event
from tests.support import ledger_in
from tests.unit.report_run import build
from tests.unit.test_progress import row

Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[PageServer]:
    """The server of a run that has nothing yet."""
    with server(RunDir(tmp_path / "runs" / "shapes" / "first"), 0) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def ask(serving: PageServer) -> Ask:
    """Ask for a path; returns the status and the body."""

    def asked(path: str = "/", host: str = "127.0.0.1", method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", serving.server_port, timeout=60)
        try:
            connection.request(method, path, headers={"Host": f"{host}:{serving.server_port}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    return asked


def test_it_listens_on_the_loopback_address_alone(serving: PageServer) -> None:
    assert serving.server_address[0] == "127.0.0.1"
    with pytest.raises(ValueError, match=f"--port {serving.server_port}: .* choose another port"):
        PageServer(lambda: "", serving.server_port)


def test_before_there_is_anything_the_page_says_what_to_run(ask: Ask) -> None:
    status, text = ask()
    assert status == 503
    assert "run `raytrain check` first" in text
    assert 'http-equiv="refresh"' in text


def test_other_hosts_and_paths_are_refused(tmp_path: Path, ask: Ask) -> None:
    build(tmp_path, "check")
    assert ask()[0] == ask(host="localhost")[0] == 200
    for host in ("example.org", "127.0.0.1.example.org", "[::1]", ""):
        status, text = ask(host=host)
        assert status == 403, host
        assert "images" not in text
    assert ask("/config.json")[0] == ask("/../data.json")[0] == 404
    assert ask(method="HEAD") == (200, "")
    assert ask(method="POST")[0] == 501


def test_a_search_that_runs_is_on_the_page_epoch_by_epoch(tmp_path: Path, ask: Ask) -> None:
    run = build(tmp_path, "search")
    [spec] = {record.spec for record in ranked(run)[:1]}
    name = "0123456789ab"
    write_present(run, [*(record.fingerprint for record in ranked(run)), name])
    assert "Trainings without a record" not in ask()[1]
    place = run.trial(name)
    # The engine writes the card of an epoch before its row.
    write_json(place.checkpoints / "epoch_0001.json", {"spec": spec.model_dump(mode="json")})
    assert "Trainings without a record" not in ask()[1]
    for epoch in (1, 2):
        append_row(place.history, row(epoch, time=time.time(), seconds_left=125.0))
        text = ask()[1]
        assert f"{spec.label}_0123" in text
        assert f"<td>{epoch}/4</td>".replace("<td>", '<td class="n">') in text
        assert "2.1 min" in text
        trials = json.loads(re.search(r'id="trials">(.*?)</script>', text)[1])["trials"]  # type: ignore[index]
        [mine] = [trial for trial in trials if trial["id"] == name]
        assert (mine["status"], mine["group"]) == ("open", "search")
        assert mine["val_score"] == [number / 10 for number in range(1, epoch + 1)]
    assert len(trials) == 5


def test_the_live_page_is_the_report_and_asks_again(tmp_path: Path, ask: Ask) -> None:
    build(tmp_path, "search")
    text = ask()[1]
    assert "setInterval(reload, 5 * 1000)" in text
    assert "connect-src 'self'" in text
    assert re.findall(r'<section id="(\w+)"', text) == [
        "members", "examples", "tests", "leaderboard", "search", "rungs", "data", "folds",
        "submission", "reproduce",
    ]  # fmt: skip
    assert not (tmp_path / "runs" / "shapes" / "first" / "report.html").exists()


def test_the_page_is_made_anew_only_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = build(tmp_path, "search")
    made: list[str] = []
    monkeypatch.setattr(watch, "page_of", lambda *_: made.append("page") or str(len(made)))
    page = watch.LivePage(run)
    assert [page(), page()] == ["1", "1"]
    history = run.trial(ranked(run)[0].fingerprint).history
    append_row(history, row(5))
    assert [page(), page()] == ["2", "2"]
    (run.trial("abc").checkpoints).mkdir(parents=True)
    (run.trial("abc").checkpoints / "epoch_0001.pt").touch()
    assert page() == "2"
    ledger_in(run).append(
        Event(kind="prepared", tag="t", time=datetime.now(UTC), competition="shapes", run="first",
              file="f", sha256="0", rows=1, score=None, members=())
    )  # fmt: skip
    assert page() == "3"


def test_a_damaged_file_is_a_message_on_the_page(tmp_path: Path, ask: Ask) -> None:
    run = build(tmp_path, "search")
    run.config.write_text("{")
    status, text = ask()
    assert status == 503
    assert "config.json: damaged" in text
