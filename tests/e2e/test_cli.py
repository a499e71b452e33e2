"""The commands as a person types them: help, mistakes, broken data, interruptions; without Ray."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from raytrain.cli import app
from tests.commands import Command, raytrain, stop_when
from tests.support import csv_bytes, epochs_done, figures, run_folder, write_job

COMMANDS = (
    "fetch", "check", "train", "search", "cv", "finalize", "submit", "report", "run", "demo",
    "launch", "export", "ledger", "reproduce", "picks", "ensemble", "dialect", "models", "losses",
    "metrics", "schema", "version", "probe",
)  # fmt: skip


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_says_what_a_command_does(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split(), "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.stdout
    if not name:
        assert all(each in done.stdout for each in COMMANDS)


@pytest.mark.parametrize("words", [["trian", "x.yaml"], ["run"], ["run", "x.yaml", "--bogus"]])
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    done = raytrain(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_broken_config_shows_every_problem_before_anything_starts(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    done = raytrain(
        "run", job, "--set", "trial.model={name: smp, encoder: resnet81}",
        "--set", "trial.optimizer.name=adma", "--set", "trial.epochs=0", "--set", "sotrage=x",
    )  # fmt: skip
    assert done.returncode == 1
    for line in (
        "model.encoder: unknown 'resnet81'; did you mean 'resnet18'?",
        "trial.optimizer.name: unknown 'adma'; did you mean 'adam'?",
        "trial.epochs: ",
        "unknown key 'sotrage'; did you mean 'storage'?",
    ):
        assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def missing_mask(data: Path) -> str:
    (data / "train/mask/ph1_mask.png").unlink()
    return "ph1.png: its mask is missing"


def other_size(data: Path) -> str:
    cv2.imwrite(str(data / "train/mask/ph2_mask.png"), np.zeros((95, 96), np.uint8))
    return "ph2_mask.png: the mask is 96x95, but its image is 96x96"


def outside_value(data: Path) -> str:
    path = str(data / "val/mask/ph17_mask.png")
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    mask[0, 0] = 9
    cv2.imwrite(path, mask)
    return "ph17_mask.png: mask values [9] do not belong to any of the 4 classes"


def unreadable(data: Path) -> str:
    path = data / "test/image/ph30.png"
    path.write_bytes(path.read_bytes()[:200])
    return "ph30.png: unreadable"


FAULTS = [missing_mask, other_size, outside_value, unreadable]


def test_check_lists_every_broken_file_and_run_refuses_to_start(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    expected = [fault(tmp_path / "data") for fault in FAULTS]
    for name in ("check", "run"):
        done = raytrain(name, job)
        assert done.returncode == 1
        assert "4 problems in the data" in done.stderr
        assert all(text in done.stderr for text in expected), done.stderr
        assert not list((tmp_path / "runs").rglob("*.json"))


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_is_enough(tmp_path: Path, fault: Callable[[Path], str]) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    text = fault(tmp_path / "data")
    done = raytrain("check", job)
    assert done.returncode == 1
    assert "1 problem in the data" in done.stderr
    assert text in done.stderr


def test_check_prints_and_saves_the_facts(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    done = raytrain("check", job, "--set", "trial.epochs=3")
    assert done.returncode == 0, done.stderr
    assert "train          16 images" in done.stdout
    assert f"next: raytrain run {job} --set trial.epochs=3" in done.stdout
    assert (run_folder(tmp_path / "runs") / "data.json").is_file()
    assert (run_folder(tmp_path / "runs") / "folds.json").is_file()


def test_results_of_other_data_are_not_mixed_in(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    local = ["--local", "--set", "trial.epochs=1"]
    assert raytrain("train", job, *local).returncode == 0
    path = str(tmp_path / "data/train/image/ph1.png")
    cv2.imwrite(path, 255 - cv2.imread(path, cv2.IMREAD_UNCHANGED))
    done = raytrain("train", job, *local)
    assert done.returncode == 1
    assert "belong to other data" in done.stderr


def test_weights_that_cannot_be_had_name_the_offline_ways(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    model = "trial.model={name: smp, encoder: resnet18, weights: /no/such/file.pt}"
    done = raytrain("train", job, "--local", "--set", model)
    assert done.returncode == 1
    assert "weights: null" in done.stderr
    assert "state-dict file" in done.stderr
    assert "Traceback" not in done.stderr


def test_local_refuses_what_needs_ray_with_the_way_out(tmp_path: Path) -> None:
    job = write_job(
        tmp_path, tmp_path / "runs", search={"scheduler": {"name": "asha"}},
        finalize={"workers": 2},
    )  # fmt: skip
    done = raytrain("run", job, "--local")
    assert done.returncode == 1
    assert "--set search.scheduler.name=none" in done.stderr
    assert "--set finalize.workers=1" in done.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = raytrain("run", write_job(folder, folder / "runs"), "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "runs"


def test_a_run_killed_in_every_station_continues_to_the_same_csv(
    undisturbed: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "runs"
    job, whole = write_job(tmp_path, storage), figures(undisturbed)

    def reached() -> bool:
        if station == "predict":
            return any((run_folder(storage) / "final" / "masks").glob("*.png"))
        return epochs_done(storage, station) >= 2

    for station in ("search", "cv", "final", "predict"):
        code = stop_when(["run", job, "--local"], reached, signal.SIGKILL, tmp_path / "log")
        assert code == -signal.SIGKILL, station
        # Every epoch has the figures of the undisturbed run, in whatever start it was trained.
        for trial, rows in figures(storage).items():
            assert rows == whole[trial][: len(rows)], station
    again = raytrain("run", job, "--local")
    assert again.returncode == 0, again.stdout + again.stderr
    assert csv_bytes(storage) == csv_bytes(undisturbed)
    assert figures(storage) == whole


def test_a_killed_train_continues(tmp_path: Path) -> None:
    asha = {"scheduler": {"name": "asha"}}  # no scheduler is asked for by a single training
    job = write_job(tmp_path, tmp_path / "runs", trial={"epochs": 12}, search=asha)
    whole = write_job(tmp_path, tmp_path / "whole", trial={"epochs": 12})
    ready = lambda: epochs_done(tmp_path / "runs", "search") >= 3  # noqa: E731
    stop_when(["train", job, "--local"], ready, signal.SIGKILL, tmp_path / "log")
    before = max(map(len, figures(tmp_path / "runs").values()))
    again = raytrain("train", job, "--local", "--verbose")
    assert again.returncode == 0, again.stdout + again.stderr
    assert raytrain("train", whole, "--local").returncode == 0
    assert figures(tmp_path / "runs") == figures(tmp_path / "whole")
    trained = [line for line in again.stdout.splitlines() if ": epoch " in line]
    assert 0 < len(trained) <= 12 - before + 1


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_say_how_to_continue(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    job = write_job(tmp_path, tmp_path / "runs", trial={"epochs": 200})
    ready = lambda: epochs_done(tmp_path / "runs", "search") >= 2  # noqa: E731
    code = stop_when(["train", job, "--local"], ready, number, tmp_path / "log")
    text = (tmp_path / "log").read_text()
    assert code == exit_code, text
    assert "run the same command to continue" in text
    assert "Traceback" not in text


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs", trial={"epochs": 200})
    first = Command("train", job, "--local", out=tmp_path / "log")
    deadline = time.monotonic() + 60
    while epochs_done(tmp_path / "runs", "search") < 1:
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.05)
    second = raytrain("train", job, "--local")
    first.kill()
    first.wait(60)
    assert second.returncode == 1
    assert "another raytrain process is working on this run" in second.stderr
