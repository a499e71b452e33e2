"""The Python interface: the notebook in examples/, and the same bytes as the command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import raytrain as rt
from raytrain.cli import app
from raytrain.runs.messages import _LOG
from tests.support import run_folder, write_job

ROOT = Path(__file__).parents[2]
CELLS = """
import json

notebook = json.load(open("phantom.ipynb", encoding="utf-8"))
cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
here = {}
for code in cells:
    exec(compile(code, "cell", "exec"), here)
job, result = here["job"], here["result"]
low, high = result.interval
assert low <= result.score <= high
assert 0 <= result.leaderboard["val_score"].min() <= result.leaderboard["val_score"].max() <= 1
assert list(result.leaderboard["rank"]) == [1, 2]
assert result.paths.submission.is_file() and result.paths.report.is_file()
assert result.submission.kind == "prepared"
assert len(here["predicted"].masks) == 8
assert all(path.is_file() for path in here["predicted"].masks)
assert len(here["suspects"].labels) == 22 and here["suspects"].sheet.is_file()
assert here["rt"].report(job) == result.paths.report
assert here["rt"].evaluate(job).tables["val, out of fold"].loc["left ventricle", "dice"] >= 0
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The notebook, executed cell by cell in a new interpreter in a copy of its folder."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "examples").mkdir()
    (folder / "jobs").mkdir()
    shutil.copy(ROOT / "examples" / "phantom.ipynb", folder / "examples")
    shutil.copy(ROOT / "jobs" / "phantom.yaml", folder / "jobs")
    done = subprocess.run(
        [sys.executable, "-c", CELLS], cwd=folder / "examples", capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    return folder, done


def test_the_notebook_shows_bars_and_prints_nothing(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = ran
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.replace("\r", "\n").split("\n") if line.strip()]
    assert "search: 100%" in done.stderr
    assert "cross-validation, 2 folds: 100%" in done.stderr
    assert [line for line in lines if not re.search(r"^[\w ,-]+: +\d+%\|", line)] == []


def test_the_command_writes_the_same_bytes(
    ran: tuple[Path, subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = ran
    monkeypatch.chdir(folder / "examples")
    words = ["competition.data=phantom/data", "storage=other", "trial.epochs=2", "search.trials=2",
             "search.scheduler={name: none}", "finalize={workers: 1, epochs: 2}",
             "predict={tta: none, steps: none}", "trial.model={name: unet, width: 4, depth: 2}",
             "search.space={optimizer.lr: {loguniform: [1e-3, 1e-2]}}"]  # fmt: skip
    sets = [word for each in words for word in ("--set", each)]
    done = CliRunner().invoke(app, ["run", "../jobs/phantom.yaml", "--local", *sets, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)["result"]
    assert result["low"] <= result["score"] <= result["high"]
    assert [row["rank"] for row in result["leaderboard"]] == [1, 2]
    assert Path(result["csv"]).is_file()
    assert result["submission"]["kind"] == "prepared"
    assert "cross-validation, 2 folds: 4 trainings" in done.stderr
    folder_of_it = str(run_folder(Path("other")))
    names = [row["name"] for row in result["leaderboard"]]
    for command in (
        *([name, "../jobs/phantom.yaml", "--local"] for name in ("search", "cv", "finalize")),
        *([name, "../jobs/phantom.yaml"] for name in ("evaluate", "report", "ledger")),
        ["leaderboard", folder_of_it], ["leaderboard", folder_of_it, "--diff", *names],
        ["compare", folder_of_it, *names],
    ):  # fmt: skip
        given = sets if "../jobs/phantom.yaml" in command else []
        again = CliRunner().invoke(app, [*command, *given, "--json"])
        assert json.loads(again.stdout)["ok"], again.output
    theirs, ours = run_folder(Path("other")), run_folder(Path("phantom/runs"))
    for name in ("submission.csv", "oof_evidence.npz", "masks/ph23.png"):
        assert (theirs / "final" / name).read_bytes() == (ours / "final" / name).read_bytes()


def test_a_function_raises_what_the_command_prints(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs", finalize={"workers": 2})
    done = CliRunner().invoke(app, ["run", str(job), "--local"])
    with pytest.raises(ValueError, match=r"--set finalize\.workers=1") as caught:
        rt.run(rt.load_job(job), place="local")
    assert done.stderr == f"raytrain: {caught.value}\n"


def test_one_process_may_call_several_functions_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_LOG, "handlers", [])
    job = rt.load_job(write_job(tmp_path, tmp_path / "runs"), set=["trial.epochs=1"])
    record = rt.train(job, place="local")
    found = rt.search(job, place="local")
    assert record.epochs == 1
    assert len(found.leaderboard) == len(found.board) == 4
    assert found.leaderboard["val_score"].between(0, 1).all()
    assert capsys.readouterr().out == ""


def test_wrong_arguments_say_what_to_give(tmp_path: Path) -> None:
    path = write_job(tmp_path, tmp_path / "runs")
    job = rt.load_job(path)
    for call, words in (
        (lambda: rt.train(job, place="mars"), r"place: unknown 'mars'; known: local, ray"),
        (lambda: rt.check(path), r"job: give the result of rt.load_job\(path\)"),
        (lambda: rt.run(str(path), "local"), r"job: give the result of rt.load_job\(path\)"),
        (lambda: rt.predict([], job), r"source: give the path of a run's folder"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert not (tmp_path / "runs").exists()
