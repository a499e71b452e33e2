"""Which trackers a job may name."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from raytrain.backend import problems as tracking
from raytrain.backend.problems import tracking_problems
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job

JOB = "competition: {name: tiny, data: data, classes: [a, b]}\n"


def job(folder: Path, text: str) -> JobSpec:
    path = folder / "job.yaml"
    path.write_text(JOB + text)
    return load_job(path)


def test_secrets_are_refused_in_the_job(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a job must not contain secrets") as error:
        job(tmp_path, "tracking: {mlflow: {uri: 'https://me:pa55@host:5000'}}")
    assert "MLFLOW_TRACKING_PASSWORD" in str(error.value)
    with pytest.raises(ValueError, match=r"tracking.wandb.api_key: unknown key"):
        job(tmp_path, "tracking: {wandb: {api_key: x}}")
    with pytest.raises(ValueError, match="write it as http://host:5000"):
        job(tmp_path, "tracking: {mlflow: {uri: mlruns}}")


def test_what_is_not_installed_and_what_needs_ray_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job(tmp_path, "tracking: {mlflow: {uri: 'http://host:5000'}, wandb: {project: p}}")
    assert tracking_problems(asked, "ray") == []
    local = tracking_problems(asked, "local")
    assert [line.split(":")[0] for line in local] == ["tracking.mlflow", "tracking.wandb"]

    def only_mlflow(name: str) -> ModuleSpec | None:
        return ModuleSpec(name, None) if name == "mlflow" else None

    monkeypatch.setattr(tracking, "find_spec", only_mlflow)
    [problem] = tracking_problems(asked, "ray")
    assert problem == 'tracking.wandb: its package is not installed; pip install "raytrain[wandb]"'
    assert tracking_problems(job(tmp_path, ""), "local") == []
