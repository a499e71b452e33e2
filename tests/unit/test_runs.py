"""Files that are whole or absent, lines that survive a kill, names that do not lie."""

from contextlib import suppress
from pathlib import Path

import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import JobSpec
from raytrain.runs.files import append_line, atomic_path, read_lines, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.history import append_row, best_row, read_history, write_history
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.lock import locked


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "x.json"
    write_json(path, {"old": 1})
    with suppress(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n "old": 1\n}\n'
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]


def test_nan_is_not_written_as_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("torn", ["", "{", '{"epoch": 3', '{"epoch": 3}'])
def test_a_torn_line_is_left_out_and_then_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "lines"
    append_line(path, "one")
    append_line(path, "two")
    with path.open("a") as file:
        file.write(torn)
    assert read_lines(path) == ["one", "two"]
    append_line(path, "three")
    assert path.read_text() == "one\ntwo\nthree\n"


def test_history_starts_over_from_a_checkpoints_rows(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    rows = [{"epoch": epoch, "val_score": dice} for epoch, dice in ((1, 0.5), (2, 0.7), (3, 0.7))]
    for row in rows:
        append_row(path, row)
    write_history(path, rows[:2])
    append_row(path, rows[2])
    assert read_history(path) == rows
    assert best_row(rows) == rows[1]  # the first of equals
    assert best_row([{"epoch": 1}]) is None


def test_fingerprints_name_the_question() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint("a", "b") != fingerprint("ab")
    with pytest.raises(TypeError):
        fingerprint(object())


def test_two_processes_cannot_work_in_one_run(tmp_path: Path) -> None:
    first, second = RunDir(tmp_path / "run"), RunDir(tmp_path / "run")
    refused = pytest.raises(ValueError, match="another raytrain process")
    with locked(first), refused, locked(second):
        pass
    with locked(second):
        pass


def test_the_run_directory_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = JobSpec(competition=CompetitionSpec(name="c", data="d", classes=("a", "b")), run="r")
    assert run_dir(job).path == tmp_path / "runs" / "c" / "r"
