"""What commands answer with `--json`: one object, with a code, a place and a remedy per problem."""

import errno
import json
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.cli import line as line_commands
from raytrain.cli.answer import Answer, as_tree, failure, problem_of
from raytrain.cli.app import every_command
from raytrain.config.codes import CODES, Code, CodedError
from raytrain.runs.files import DamagedError
from raytrain.runs.layout import RunDir
from raytrain.runs.lock import locked
from tests.support import run_folder, write_job

KEYS = ["schema", "command", "ok", "exit_code", "result", "problems", "message", "warnings"]
COMMANDS = every_command(get_command(app))


def answered(*words: object) -> tuple[dict[str, Any], str]:
    """The object on stdout, and all of stderr."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    tree = json.loads(done.stdout)
    assert list(tree) == KEYS
    assert (tree["schema"], tree["exit_code"]) == (1, done.exit_code)
    assert tree["ok"] == (done.exit_code == 0) == (tree["problems"] == [])
    assert tree["command"] in (words[0], "")
    for problem in tree["problems"]:
        assert list(problem) == ["code", "path", "problem", "remedy"]
        assert problem["code"] in CODES
        assert problem["problem"]
        assert problem["remedy"]
    return tree, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_and_asks_nothing(name: str) -> None:
    command = COMMANDS[name]
    assert command.callback.__annotations__["return"] is Answer
    assert "--json" in [word for param in command.params for word in param.opts]
    assert not any(getattr(param, "prompt", None) for param in command.params)


@pytest.mark.parametrize(
    "words", [["version"], ["losses"], ["metrics"], ["schema"], ["models", "unet"]]
)
def test_what_there_is(words: list[str]) -> None:
    tree, errors = answered(*words)
    assert (tree["message"], tree["warnings"], errors) == ("", [], "")
    text = CliRunner().invoke(app, words).stdout
    if "entries" in tree["result"]:
        for entry in tree["result"]["entries"]:
            assert f"\n{entry['name']}\n" in f"\n{text}"
            assert all(f"\n  {each['name']}: " in text for each in entry["parameters"])
    if words[0] == "schema":
        assert tree["result"] == json.loads(text)


@pytest.mark.slow
def test_check_answers_with_the_facts_and_progress_goes_to_stderr(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    tree, errors = answered("check", job, "--set", "search.trials=3")
    again, changed = answered("check", job)
    run = RunDir(run_folder(tmp_path / "runs"))
    assert tree["result"]["data"] == json.loads(run.data_report.read_text())
    assert tree["result"]["written"] == [
        str(run.data_report),
        str(run.folds),
        str(run.contact_sheet),
    ]
    assert tree["result"]["folds"] == 2
    assert again["result"] == tree["result"]
    assert errors == ""
    assert "search.trials" in changed


def test_each_wrong_key_has_its_place_and_the_nearest_name(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    tree, errors = answered(
        "run", job, "--set", "trial.optimizer.name=adma", "--set", "sotrage=x", "--local"
    )
    found = {each["path"]: each for each in tree["problems"]}
    assert found["trial.optimizer.name"] == {
        "code": "config", "path": "trial.optimizer.name", "problem": "unknown 'adma'",
        "remedy": "did you mean 'adam'?",
    }  # fmt: skip
    assert found["sotrage"]["remedy"] == "did you mean 'storage'?"
    assert errors == f"raytrain: {tree['message']}\n"


def test_programs_get_all_problems_where_people_get_some(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    masks = sorted((tmp_path / "data" / "train" / "mask").iterdir())
    for mask in masks:
        mask.unlink()
    tree, _ = answered("check", job)
    assert len(masks) == 16
    assert len({each["path"] for each in tree["problems"]}) == 16
    assert tree["message"].count("_mask.png") == 10


def test_each_wrong_file_is_named(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    image = tmp_path / "data" / "test" / "image" / "ph30.png"
    image.write_bytes(image.read_bytes()[:200])
    mask = tmp_path / "data" / "train" / "mask" / "ph1_mask.png"
    mask.unlink()
    tree, _ = answered("check", job)
    assert {each["code"] for each in tree["problems"]} == {"data"}
    paths = [each["path"] for each in tree["problems"]]
    assert [Path(path).name for path in sorted(paths)] == ["ph30.png", "ph1.png"]
    tree, _ = answered("suspects", tmp_path / "nowhere")
    (problem,) = tree["problems"]
    assert problem["code"] == "missing"
    assert problem["problem"] == "no such run"
    assert problem["remedy"].startswith("give the folder of a run")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["chekc", "x.yaml"], 2),
        (["check"], 2),
        (["check", "x.yaml", "--jbo"], 2),
        (["leaderboard", ".", "--diff", "a", "b", "--sort", "lr"], 2),
        (["check", "none.yaml"], 1),
    ],
)
def test_wrong_usage_is_answered_too(words: list[str], code: int) -> None:
    tree, _ = answered(*words)
    assert tree["exit_code"] == code
    assert [each["code"] for each in tree["problems"]] == ["usage" if code == 2 else "config"]


def test_a_fault_of_ours_is_answered_and_its_traceback_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*words: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(line_commands, "load_job", broken)
    tree, errors = answered("check", tmp_path)
    assert tree["problems"][0]["code"] == "internal"
    assert "Traceback" in errors


def test_what_is_missing_or_busy_has_its_code(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    run = RunDir(run_folder(tmp_path / "runs"))
    for name in ("report", "evaluate", "leaderboard", "picks"):
        tree, _ = answered(name, job)
        assert [each["code"] for each in tree["problems"]] == ["missing"], name
        assert tree["problems"][0]["path"] == str(run.path)
        assert tree["problems"][0]["remedy"].startswith("run `raytrain ")
    with locked(run):
        tree, _ = answered("train", job, "--local")
    assert tree["problems"][0]["code"] == "locked"


def test_every_code_is_explained() -> None:
    assert set(get_args(Code)) == set(CODES)
    assert all(meaning and remedy for meaning, remedy in CODES.values())


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("trial.epochs: too small; give more", ("trial.epochs", "too small", "give more")),
        ("/a b/c.png: torn; copy it; or not", ("/a b/c.png", "torn; copy it", "or not")),
        ("a.png, b.png and 3 more: torn; x", ("a.png, b.png and 3 more", "torn", "x")),
        ("no masks at all", ("", "no masks at all", CODES["data"][1])),
        ("the masks: of val", ("", "the masks: of val", CODES["data"][1])),
    ],
)
def test_a_message_has_three_parts(line: str, parts: tuple[str, str, str]) -> None:
    found = problem_of("data", line)
    assert (found.path, found.problem, found.remedy) == parts


def test_errors_become_answers() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/runs/x.json")
    answer = failure(full, "storage", 1)
    assert answer.problems[0].path == "/runs/x.json"
    assert "free some space" in answer.problems[0].remedy
    several = failure(ValueError("search: 2 failed\n  a: no; b\n  c: d; e"), "failed", 1)
    assert [each.path for each in several.problems] == ["a", "c"]
    whole = failure(ValueError("/r/folds.json: made for others; delete it\n  3 folds"), "failed", 1)
    [problem] = whole.problems
    parts = (problem.path, problem.problem, problem.remedy)
    assert parts == ("/r/folds.json", "3 folds", "delete it")
    alike = failure(ValueError("a.csv: row 1; x\na.csv: row 2; y"), "data", 1)
    assert [each.remedy for each in alike.problems] == ["x", "y"]
    ended = failure(
        ValueError("rt-1 was not sent: busy; wait\nNothing is lost: see x"), "failed", 1
    )
    assert len(ended.problems) == 1
    secret = failure(ValueError("s3://ann:pass@host: no"), "data", 1)
    assert "pass@" not in secret.message + secret.problems[0].path


def test_codes_survive_the_way_to_another_process() -> None:
    for error in (CodedError("data", "a: b", ["a: b"], {"n": 1}), DamagedError("x", "torn", "y")):
        copy = pickle.loads(pickle.dumps(error))
        assert (copy.code, copy.problems, copy.facts) == (error.code, error.problems, error.facts)
        assert str(copy) == str(error)


@dataclass(frozen=True)
class Found:
    path: Path
    values: tuple[float, ...]
    array: np.ndarray


def test_values_become_json() -> None:
    found = Found(Path("a/b"), (1.0, math.nan, math.inf), np.array([[1, 2]]))
    assert as_tree({"found": found, 3: None}) == {
        "found": {"path": "a/b", "values": [1.0, None, None], "array": [[1, 2]]}, "3": None,
    }  # fmt: skip
    with pytest.raises(TypeError, match="cannot contain a set"):
        as_tree({"x": {1}})


def test_a_folder_that_is_no_run_is_not_watched(tmp_path: Path) -> None:
    tree, _ = answered("watch", tmp_path, "--port", 0)
    [problem] = tree["problems"]
    assert problem["path"] == str(tmp_path)
    assert "not the folder of a run" in problem["problem"]
    assert "its job's YAML" in problem["remedy"]
