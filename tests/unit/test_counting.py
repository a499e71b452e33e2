"""Stations that train nothing: a screen on a terminal, lines in a log, a bar in a program."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from raytrain.backend.counting import Counting, files_there, show_stations
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import _LOG, print_messages
from tests.unit.test_console import Clock


@pytest.fixture(autouse=True)
def command() -> Iterator[None]:
    """Messages are printed, as by a command."""
    before = _LOG.handlers, _LOG.level, _LOG.propagate
    print_messages()
    yield
    _LOG.handlers, _LOG.level, _LOG.propagate = before


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "COLUMNS": "100", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)


def lines_of(text: str) -> list[str]:
    """Return what a terminal shows, line by line."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "\n")
    return [line.rstrip() for line in plain.splitlines() if line.strip()]


def test_a_log_has_a_line_with_the_first_estimate_then_every_30_seconds_and_one_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, done = Clock(), [*range(10)]  # ten of an interrupted run
    counting = Counting("predict", RunDir(tmp_path), 40, "image", lambda: len(done), clock)
    for clock.now_s, count in ((1, 10), (10, 12), (39, 18), (40, 18), (69, 26), (70, 38)):
        done = [*range(count)]
        counting.look()
    with counting:
        done = [*range(40)]
    assert capsys.readouterr().out.splitlines() == [
        "  predict: 12 of 40 images, about 2.3 min left",  # 2 in 10 s, 28 to come
        "  predict: 18 of 40 images, about 1.8 min left",
        "  predict: 38 of 40 images, about 5 s left",
        "predict: 30 images in 1.2 min; 10 were done before",
    ]


def test_a_log_has_a_line_when_the_first_thing_takes_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, done = Clock(), 0
    counting = Counting("predict", RunDir(tmp_path), 2, "image", lambda: done, clock)
    for clock.now_s, count in ((29, 0), (30, 0), (50, 1)):
        done = count
        counting.look()
    assert capsys.readouterr().out.splitlines() == [
        "  predict: 0 of 2 images",
        "  predict: 1 of 2 images, about 50 s left",
    ]


@pytest.mark.usefixtures("terminal")
def test_a_terminal_has_the_stations_and_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, clock = RunDir(tmp_path), Clock()
    for path in (run.data_report, run.searched, run.oof / "a.npy", run.ensemble):
        write_bytes(path, b"")
    show_stations(run)
    row = "check  ○ search  ○ cv  ○ finalize  ○ predict  ○ encode"
    assert lines_of(capsys.readouterr().out) == [f"▸ {row}"]
    paths = [run.mask(str(n)) for n in range(4)]
    counting = Counting("predict", run, 4, "image", files_there(paths), clock)
    write_bytes(paths[2], b"")
    clock.now_s = 100
    with counting:
        pass
    shown = lines_of(capsys.readouterr().out)
    assert shown[:2] == [
        "✓ check  ✓ search  ✓ cv  ✓ finalize  ▸ predict  ○ encode",
        "predict: 1 of 4 images, about 5 min left",
    ]
    assert re.match(r"this machine: CPU load [\d.]+ of \d+ cores", shown[2])


def test_a_program_sees_a_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _LOG.handlers = []
    done = 0
    with Counting("encode", RunDir(tmp_path), 3, "mask", lambda: done):
        done = 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(r"encode: 100%\|.*\| 3/3 ", shown.err)


def test_a_failure_says_nothing_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(ValueError, match="lost"),
        Counting("predict", RunDir(tmp_path), 3, "image", lambda: 0),
    ):
        raise ValueError("lost")
    assert capsys.readouterr().out == ""
