"""What `launch` sends to the cluster: the words of the command, and its resolved job."""

from pathlib import Path

import pytest
from typer.exceptions import TyperException
from typer.main import get_command

import raytrain.cli
from raytrain.cli.app import app
from raytrain.cli.cluster import order
from raytrain.cluster.launch import Order, launch
from tests.support import write_job


def order_of(*words: str) -> Order:
    """The order of `raytrain launch <words>`."""
    assert raytrain.cli
    command, *rest = words
    return order(get_command(app), command, rest)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path, tmp_path / "runs")


@pytest.mark.parametrize("form", [["--set", "run=second"], ["--set=run=second"]])
def test_a_job_is_resolved_and_its_options_stay_here(job: Path, form: list[str]) -> None:
    found = order_of("run", "--budget", "2h", *form, f"{job.parent}/./{job.name}", "--local")
    assert found.words == ("run", "--budget", "2h", "job.yaml", "--local")
    assert found.job is not None
    assert (found.job.run, found.name) == ("second", "phantom-second-run")
    assert found.digest != order_of("run", "--budget", "2h", str(job), "--local").digest


def test_a_command_without_a_job_takes_its_words_along() -> None:
    words = ("predict", "/shared/new", "--with", "/shared/runs/c/default", "--csv")
    found = order_of(*words)
    assert (found.words, found.job) == (words, None)
    other = order_of("predict", "/shared/others", *words[2:])
    assert found.name.startswith("raytrain-predict-")
    assert found.name != other.name  # both may run at once
    assert found.paths == ("/shared/runs/c/default", "predictions")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("predct", "x"), r"launch: unknown 'predct'; did you mean 'predict'\?"),
        (("watch", "/runs/x"), "launch: unknown 'watch'"),
        (("run", "/shared/zip"), "/shared/zip: launch needs a job's YAML; write one with"),
        (("leaderboard", "runs/x"), "leaderboard: 'runs/x' is relative; on a cluster give a path"),
        (("predict", "/a", "--with", "/b"), "predict: 'predictions' is relative"),
    ],
)
def test_what_cannot_run_there_is_refused_here(words: tuple[str, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        launch(order_of(*words), "http://127.0.0.1:1", "python")


def test_relative_fields_are_listed_together(job: Path) -> None:
    found = order_of("run", str(job), "--set", "storage=runs", "--set", "competition.data=data")
    with pytest.raises(ValueError, match=r"(?s)storage: 'runs' is .*competition\.data: 'data' is"):
        launch(found, "http://127.0.0.1:1", "python")


def test_wrong_usage_ends_before_the_cluster_is_asked() -> None:
    with pytest.raises(TyperException) as refused:
        order_of("predict", "/shared/new")
    assert refused.value.format_message() == "Missing option '--with'."
