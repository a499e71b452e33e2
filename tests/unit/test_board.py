"""The leaderboard command: rebuilt, sorted, filtered, differences, and the best of each kind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.pipeline import leaderboard_view as view
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from raytrain.search.leaderboard import write_leaderboard
from tests.study_runs import fill, small_job

SPACE = {
    "model": {"grid": [{"name": "unet", "width": 4, "depth": 1}, {"name": "unet_a", "width": 4},
                       {"name": "unet_c", "width": 4}]},
    "optimizer.lr": {"grid": [1e-3, 1e-2]},
}  # fmt: skip
HITS = {"unet": 50, "unet_a": 70, "unet_c": 60}


def hits(task: Task, id: str) -> int:
    return HITS[task.spec.model.name] + int(task.spec.optimizer.lr * 1000)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """Six configurations, each trained with two seeds."""
    run = RunDir(tmp_path_factory.mktemp("board") / "run")
    fill(small_job(SPACE, 6, repeats={"seeds": 2}), run, hits)
    return run


def shown(text: str, column: int) -> list[str]:
    """The cells of a column, row by row."""
    rows = [line for line in text.splitlines() if line.startswith("│")]
    return [cell for row in rows if (cell := row.split("│")[column].strip())]


def test_it_is_rebuilt_to_the_same_bytes_and_shows_all(run: RunDir) -> None:
    write_leaderboard(run)
    before = run.leaderboard.read_bytes()
    run.leaderboard.unlink()
    text = view.board(run, None, [], None).text
    assert run.leaderboard.read_bytes() == before
    assert shown(text, 1) == list("123456")
    assert "95 %" in text
    # Filters and orders are of what is shown; the file stays whole.
    view.board(run, "seconds", ["model.name=unet"], None)
    assert run.leaderboard.read_bytes() == before


@pytest.mark.parametrize(
    ("sort", "ranks"),
    [
        (None, "123456"),
        ("val_score", "123456"),
        ("-val_score", "654321"),
        ("-rank", "654321"),
        ("lr", "246135"),
        ("-optimizer.lr", "135246"),
        ("model.name", "561234"),
    ],
)
def test_rows_are_sorted(run: RunDir, sort: str | None, ranks: str) -> None:
    assert "".join(shown(view.board(run, sort, [], None).text, 1)) == ranks


@pytest.mark.parametrize(
    ("filters", "ranks"),
    [
        (["model.name=unet_a"], "12"),
        (["model.name!=unet_a"], "3456"),
        (["lr=0.01"], "135"),
        (["optimizer.lr=1e-2", "model.name=unet_c"], "3"),
        (["optimizer.lr<1e-2"], "246"),
        (["val_score>=0.83"], "12"),
        (["trial.epochs=3", "rank<=2"], "12"),
        (["status=finished", "n=2"], "123456"),
        (["loss[0].name=cross_entropy"], "123456"),
    ],
)
def test_rows_are_filtered(run: RunDir, filters: list[str], ranks: str) -> None:
    assert "".join(shown(view.board(run, None, filters, None).text, 1)) == ranks


def test_the_best_of_each_kind(run: RunDir) -> None:
    text = view.board(run, None, [], "model.name").text
    assert "".join(shown(text, 1)) == "135"
    assert "model.name" in text
    assert "".join(shown(view.board(run, None, ["lr<0.01"], "model.name").text, 1)) == "246"


def test_what_two_differ_in(run: RunDir) -> None:
    board = write_leaderboard(run)
    text = view.difference(run, board[0].name, board[2].key).text
    assert shown(text, 1)[0] == "model.name"
    assert [cell for cell in shown(text, 1) if cell.startswith("optimizer")] == []
    text = view.difference(run, board[0].name, board[1].name).text
    assert shown(text, 1) == ["optimizer.lr"]
    assert [shown(text, 2)[0], shown(text, 3)[0]] == ["0.01", "0.001"]
    one, two = board[0].records
    assert shown(view.difference(run, one.name, two.fingerprint).text, 1) == ["seed"]
    assert "are equal in every field" in view.difference(run, board[0].name, board[0].name).text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("val_scor", [], None), "--sort: .*did you mean 'val_score'"),
        ((None, [], "model.nam"), "--best-per: .*did you mean 'model.name'"),
        ((None, ["model.nme=unet"], None), "--filter: .*did you mean 'model.name'"),
        ((None, ["model.name=unet_b"], None), "no trial matches; model.name: .*'unet_[ac]'"),
        ((None, ["model.name"], None), "write it as model.name=unet_a"),
    ],
)
def test_mistakes_are_told_with_the_nearest(run: RunDir, words: tuple, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        view.board(run, *words)


@pytest.mark.slow
def test_as_a_person_types_it_with_neither_torch_nor_ray(run: RunDir) -> None:
    board = write_leaderboard(run)
    commands = [
        ["leaderboard", str(run.path), "--best-per", "model.name"],
        ["leaderboard", str(run.path), "--diff", board[0].name, board[1].key],
        ["compare", str(run.path), board[0].name, board[2].name],
    ]
    code = f"""
import sys
from raytrain.cli import main
for words in {commands!r}:
    sys.argv = ["raytrain", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code
    print("END")
assert not {{'torch', 'ray'}} & sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    best, difference, comparison, rest = done.stdout.split("END\n")
    assert shown(best, 1) == [*"135"]
    assert "optimizer.lr" in difference
    assert "A is better" in comparison
    assert "paired over 4 groups and 2 seeds" in comparison
    assert rest == ""


def test_the_memory_of_a_gpu_is_the_highest_of_the_repeats(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    tasks = fill(small_job(SPACE, 2, repeats={"seeds": 2}), run, hits)
    assert "gpu gb" not in view.board(run, None, [], None).text
    assert [row["gpu_gb"] for row in view.board(run, None, [], None).rows] == [None, None]
    for number, task in enumerate(tasks):
        record = read_json(task.trial_dir.record, "")
        record["last"]["device_gb"] = 1.5 + number
        write_json(task.trial_dir.record, record)
    found = view.board(run, None, [], None)
    assert sorted(row["gpu_gb"] for row in found.rows) == [2.5, 4.5]
    assert "gpu gb" in found.text
